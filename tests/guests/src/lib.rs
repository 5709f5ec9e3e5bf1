//! What the guests share that speak the contract without the SDK's help.
//!
//! Each guest is an example of this package, and each starts from a description in
//! which nothing is wrong, so that it is refused for the one thing that it breaks.

use sedge_sdk::__private::{MethodKind, MethodSpec, TypeInfo};

/// Returns the description of a type with one method, `run`, in which nothing is wrong.
#[must_use]
pub fn sound_type(name: &str) -> TypeInfo {
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
    }
}

/// Makes a plugin of a description and of what its method returns.
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
        }

        sedge_sdk::__export_guest!(Guest);
    };
}
