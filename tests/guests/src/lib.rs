//! Shared code of the guests that implement the contract without the SDK.
//!
//! Each guest is an example of this package. It starts from a valid description and breaks one
//! rule, so that it is refused for this reason only.

use sedge_sdk::__private::{MethodKind, MethodSpec, TypeInfo};

/// Returns a valid description of a type with one method, `run`.
#[must_use]
pub fn valid_type(name: &str) -> TypeInfo {
    TypeInfo {
        name: name.to_owned(),
        version: "2026.11.23.1".to_owned(),
        description: "Breaks one rule".to_owned(),
        global_arguments: r#"{"type":"object"}"#.to_owned(),
        methods: vec![MethodSpec {
            name: "run".to_owned(),
            kind: MethodKind::Action,
            description: "Do as the type's documentation says".to_owned(),
            arguments: r#"{"type":"object"}"#.to_owned(),
        }],
        resources: Vec::new(),
        files: Vec::new(),
        permissions: Vec::new(),
        checks: Vec::new(),
        upgrades: Vec::new(),
        reports: Vec::new(),
    }
}

/// Makes a plugin from a description and the result of its method.
#[macro_export]
macro_rules! export_raw {
    ($type_info:expr, $returned:expr) => {
        struct Guest;

        impl sedge_sdk::__private::Guest for Guest {
            fn describe() -> sedge_sdk::__private::TypeInfo {
                $type_info
            }

            fn invoke(
                _: sedge_sdk::__private::Invocation,
            ) -> Result<String, sedge_sdk::__private::Failure> {
                Ok($returned.to_owned())
            }

            fn check(_: sedge_sdk::__private::CheckRequest) -> Result<(), String> {
                Ok(())
            }

            fn upgrade(_: String, global_arguments: String) -> Result<String, String> {
                Ok(global_arguments)
            }

            fn report(
                _: sedge_sdk::__private::ReportRequest,
            ) -> Result<sedge_sdk::__private::ReportDocument, String> {
                Err("it makes no reports".to_owned())
            }
        }

        sedge_sdk::__export_guest!(Guest);
    };
}
