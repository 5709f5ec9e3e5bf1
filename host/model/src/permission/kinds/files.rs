//! Folders of the machine that the operator chooses.

use serde::{Deserialize, Serialize};

use super::{GrantRules, KindRules};
use crate::names::FolderName;
use crate::permission::Permission;
use crate::permission::effective::{Denial, Permissions, Use};
use crate::permission::grants::Grants;

/// What may be done with files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileAccess {
    /// Read only.
    #[default]
    Read,
    /// Read and write.
    Write,
}

impl FileAccess {
    /// Returns the access as text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// Use the files of one folder that the operator chooses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderPermission {
    /// The name by which the operator maps it to a folder.
    pub name: FolderName,
    /// What may be done there.
    pub access: FileAccess,
}

/// A folder that is granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderGrant {
    /// The name by which the plugin requests it.
    pub name: FolderName,
    /// Its path. A relative path begins at the repository.
    pub path: String,
    /// What may be done there.
    #[serde(default)]
    pub access: FileAccess,
}

/// A folder that a model may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantedFolder {
    /// The name by which the plugin knows it.
    pub name: FolderName,
    /// Its path. A relative path begins at the repository.
    pub path: String,
    /// What may be done there.
    pub access: FileAccess,
}

impl KindRules for FolderPermission {
    fn subject(&self) -> String {
        self.name.to_string()
    }

    fn details(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, " {}", self.access.as_str())
    }

    fn of_words(subject: &str, details: &[&str]) -> Option<Self> {
        let mut both = [FileAccess::Read, FileAccess::Write].into_iter();
        Some(Self {
            name: subject.parse().ok()?, // ignored: the caller reports the line
            access: both.find(|access| details == [access.as_str()])?,
        })
    }

    fn has_part(&self, granted: &Grants) -> bool {
        granted.files.iter().any(|one| one.name == self.name)
    }

    fn has_all(&self, granted: &Grants) -> bool {
        let has = |one: &FolderGrant| one.name == self.name && one.access >= self.access;
        granted.files.iter().any(has)
    }

    fn grant(&self, grants: &mut Grants, path: Option<&str>) {
        grants.files.extend(path.map(|path| self.at(path)));
    }

    fn effective(&self, granted: &Grants) -> Vec<String> {
        let grant = granted.files.iter().find(|grant| grant.name == self.name);
        let folder = grant.map(|grant| folder(grant, self.access));
        folder
            .map(|folder| format!("{} {}", folder.access.as_str(), folder.path))
            .into_iter()
            .collect()
    }

    fn narrowest(&self) -> Vec<String> {
        let of = |access: FileAccess| {
            let (name, access) = (&self.name, access.as_str());
            format!("files: [{{name: {name}, path: PATH, access: {access}}}]")
        };
        match self.access {
            FileAccess::Read => vec![of(FileAccess::Read)],
            FileAccess::Write => vec![of(FileAccess::Read), of(FileAccess::Write)],
        }
    }

    fn permits(&self, used: &Use<'_>) -> bool {
        matches!(used, Use::Folder(folder) if self.name == **folder)
    }
}

impl GrantRules for FolderGrant {
    fn subject(&self) -> String {
        self.name.to_string()
    }

    fn is_named(&self, subject: &str) -> bool {
        let (name, path) = (self.name.as_str(), &self.path);
        subject == name || subject == format!("{name}:{path}")
    }

    fn add_to(&self, grants: &mut Vec<Self>) {
        // A name stands for one folder, so a later grant replaces an earlier one.
        grants.retain(|known| known.name != self.name);
        grants.push(self.clone());
    }
}

impl FolderPermission {
    /// Returns the grant of the folder at a path.
    fn at(&self, path: &str) -> FolderGrant {
        FolderGrant {
            name: self.name.clone(),
            path: path.to_owned(),
            access: self.access,
        }
    }
}

impl Permissions {
    /// Returns the folders that the model may use.
    #[must_use]
    pub fn folders(&self) -> Vec<GrantedFolder> {
        let mut folders: Vec<GrantedFolder> = Vec::new();
        for asked in self.asks() {
            let Permission::Files(FolderPermission { name, access }) = asked else {
                continue;
            };
            let grant = self.granted.files.iter().find(|grant| grant.name == *name);
            folders.extend(grant.map(|grant| folder(grant, *access)));
        }
        // A folder that is requested twice is granted once, with the wider access.
        folders.sort_by(|one, other| (&one.name, other.access).cmp(&(&other.name, one.access)));
        folders.dedup_by(|one, other| one.name == other.name);
        folders
    }

    /// Returns the folder that the model may use under a name.
    ///
    /// # Errors
    /// The plugin does not request the folder, or no grant allows it.
    pub fn folder(&self, wanted: &str) -> Result<GrantedFolder, Denial> {
        let attempt = format!("use the folder `{wanted}`");
        let asked = self.asks().find(
            |asked| matches!(asked, Permission::Files(FolderPermission { name, .. }) if name.as_str() == wanted),
        );
        let Some(asked) = asked else {
            return Err(self.not_asked(attempt));
        };
        let mut folders = self.folders().into_iter();
        folders
            .find(|folder| folder.name.as_str() == wanted)
            .ok_or_else(|| self.not_granted(attempt, asked, Some("PATH")))
    }
}

fn folder(grant: &FolderGrant, asked: FileAccess) -> GrantedFolder {
    GrantedFolder {
        name: grant.name.clone(),
        path: grant.path.clone(),
        access: grant.access.min(asked),
    }
}
