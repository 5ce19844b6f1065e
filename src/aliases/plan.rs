//! Which aliases come, change and go (pure).

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::Edit;
use crate::plan::Action;

/// What becomes of one alias, with the keys in JSON and YAML.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AliasRow {
    /// What is done.
    pub action: Action,
    /// The words after `incus`.
    pub name: String,
    /// What it runs then; what it runs now, where it goes or stays.
    pub command: String,
    /// Why.
    pub reason: String,
}

/// A program that is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Its name, such as `incus-backup-instance`.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

impl Installed {
    /// The name of its alias: `backup-instance`.
    fn alias(&self) -> String {
        let name = self.name.strip_prefix("incus-").unwrap_or(&self.name);
        name.to_owned()
    }

    /// The command of its alias, which `incus` takes apart as a shell does.
    fn command(&self) -> String {
        quoted(&self.path.display().to_string())
    }
}

/// Whether an alias of the user's own that has one of the names may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// It stays.
    Stays,
    /// It is replaced.
    Replaced,
}

/// Plans that every installed program has its alias.
pub fn plan_install(
    existing: &BTreeMap<String, String>,
    programs: &[Installed],
    foreign: Foreign,
) -> Vec<AliasRow> {
    let row = |program: &Installed| {
        let (name, command) = (program.alias(), program.command());
        let (action, reason) = match existing.get(&name) {
            None => (Action::Create, String::new()),
            Some(old) if *old == command => (Action::Skip, "it is there".to_owned()),
            Some(old) if runs(old, &name) => (Action::Update, format!("it runs `{old}` now")),
            Some(old) if foreign == Foreign::Replaced => {
                (Action::Replace, format!("it runs `{old}` now"))
            }
            Some(old) => {
                let reason = format!("it runs `{old}`, which is your own; --force replaces it");
                (Action::Refuse, reason)
            }
        };
        AliasRow {
            action,
            name,
            command,
            reason,
        }
    };
    programs.iter().map(row).collect()
}

/// Plans that every alias that runs one of these programs goes, wherever the program is.
pub fn plan_remove(existing: &BTreeMap<String, String>, programs: &[&str]) -> Vec<AliasRow> {
    let ours = |name: &String| {
        let mut aliases = programs
            .iter()
            .map(|program| program.strip_prefix("incus-"));
        aliases.any(|alias| alias == Some(name.as_str()))
    };
    let row = |(name, command): (&String, &String)| {
        let (action, reason) = if runs(command, name) {
            (Action::Delete, "")
        } else {
            (Action::Keep, "it runs something else")
        };
        AliasRow {
            action,
            name: name.clone(),
            command: command.clone(),
            reason: reason.to_owned(),
        }
    };
    existing
        .iter()
        .filter(|(name, _)| ours(name))
        .map(row)
        .collect()
}

/// The edits that a plan comes to.
pub fn edits(rows: &[AliasRow]) -> Vec<Edit> {
    let edit = |row: &AliasRow| match row.action {
        Action::Create | Action::Update | Action::Replace => Some(Edit::Set {
            name: row.name.clone(),
            command: row.command.clone(),
        }),
        Action::Delete => Some(Edit::Remove {
            name: row.name.clone(),
        }),
        Action::Skip | Action::Keep | Action::Refuse => None,
    };
    rows.iter().filter_map(edit).collect()
}

/// Whether a command is nothing but the program that an alias of this name is for.
fn runs(command: &str, alias: &str) -> bool {
    let path = command.trim().trim_matches(['\'', '"']);
    let program = path
        .strip_prefix('/')
        .and_then(|rest| rest.rsplit('/').next());
    program.and_then(|program| program.strip_prefix("incus-")) == Some(alias)
}

/// A path as a shell takes it.
fn quoted(path: &str) -> String {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+@%:=,".contains(&byte);
    if path.bytes().all(harmless) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn programs() -> Vec<Installed> {
        let name = "incus-backup-instance".to_owned();
        let path = format!("/usr/bin/{name}").into();
        vec![Installed { name, path }]
    }

    fn aliases(command: &str) -> BTreeMap<String, String> {
        [("backup-instance", command), ("ls", "list")]
            .map(|(name, command)| (name.to_owned(), command.to_owned()))
            .into()
    }

    #[rstest]
    #[case("/usr/bin/incus-backup-instance", Foreign::Stays, Action::Skip)]
    #[case("/opt/x y/incus-backup-instance", Foreign::Stays, Action::Update)]
    #[case("'/opt/x/incus-backup-instance'", Foreign::Stays, Action::Update)]
    #[case(
        "/usr/bin/incus-backup-instance create",
        Foreign::Stays,
        Action::Refuse
    )]
    #[case("/usr/bin/mine", Foreign::Stays, Action::Refuse)]
    #[case("/usr/bin/mine", Foreign::Replaced, Action::Replace)]
    #[case("incus-backup-instance", Foreign::Stays, Action::Refuse)]
    fn an_alias_that_is_there_is_left_updated_or_the_user_s(
        #[case] command: &str,
        #[case] foreign: Foreign,
        #[case] action: Action,
    ) {
        let rows = plan_install(&aliases(command), &programs(), foreign);
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].action, action);
        assert_eq!(rows[0].command, "/usr/bin/incus-backup-instance");
    }

    #[test]
    fn only_what_runs_the_programs_goes() {
        let names = ["incus-backup", "incus-backup-instance"];
        let rows = plan_remove(&aliases("/old/incus-backup-instance"), &names);
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].action, Action::Delete);
        let rows = plan_remove(&aliases("/usr/bin/mine"), &names);
        assert_eq!(rows[0].action, Action::Keep);
        assert_eq!(edits(&rows), []);
    }

    #[test]
    fn a_path_with_a_space_stays_one_word() {
        assert_eq!(quoted("/a b/it's"), r"'/a b/it'\''s'");
        assert_eq!(quoted("/usr/bin/x"), "/usr/bin/x");
    }
}
