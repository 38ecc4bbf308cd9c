//! What a generator has made of the document.

use astral_tests::document::{operations, schema_names};

use super::project::Project;

/// How a language spells the document's names.
pub struct Names {
    /// The ending of its files.
    pub extension: &'static str,
    /// What stands in the code, or ends a file's path, if the operation of this id is there.
    pub operation: fn(&str) -> String,
    /// What the model of this name is called.
    pub model: fn(&str) -> String,
    /// What stands before the name of a model where it is declared.
    pub declared: &'static [&'static str],
}

impl Names {
    /// How many operations and models stand in the code at these places.
    ///
    /// # Panics
    /// If one of the document's is not there.
    pub fn count(&self, project: &Project, places: &[&str]) -> String {
        let mut code = String::new();
        for file in project.files(places, self.extension) {
            code.push_str(&file);
            code.push('\n');
            code.push_str(&project.read(&file));
        }
        let operations: Vec<String> = operations().into_iter().map(|operation| operation.id).collect();
        let models = schema_names();
        let mut missing: Vec<&String> = operations.iter().filter(|id| !code.contains(&(self.operation)(id))).collect();
        missing.extend(models.iter().filter(|name| !self.declares(&code, name)));
        assert!(missing.is_empty(), "the {} client lacks {missing:?}", project.client);
        format!("{} operations, {} models", operations.len(), models.len())
    }

    fn declares(&self, code: &str, model: &str) -> bool {
        let name = (self.model)(model);
        let ends = |rest: &str| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_');
        self.declared.iter().any(|before| code.split(&format!("{before}{name}")).skip(1).any(ends))
    }
}

/// `list_members` as `ListMembers`.
pub fn pascal(name: &str) -> String {
    let capitalized = |word: &str| word[..1].to_uppercase() + &word[1..];
    name.split('_').map(capitalized).collect()
}

/// `list_members` as `listMembers`.
pub fn camel(name: &str) -> String {
    let name = pascal(name);
    name[..1].to_lowercase() + &name[1..]
}
