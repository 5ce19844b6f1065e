//! The client's configuration, its aliases, and the settings.

use std::path::Path;

use super::super::aliases::state;
use super::failed;
use crate::cli::context::Context;
use crate::doctor::Verdict::{Fine, Note, Warning};
use crate::doctor::{Check, Finding};
use crate::plan::Action;
use crate::settings::Settings;

/// What there is to say of the files on this machine.
pub(super) fn client(context: &Context) -> Vec<Finding> {
    let folder = context.environment.incus.config_folder();
    vec![aliases(context), settings(folder.as_deref())]
}

fn aliases(context: &Context) -> Finding {
    let (path, rows) = match state(context) {
        Ok(state) => state,
        Err(error) => return failed((Check::Client, "config.yml"), &error),
    };
    let about = (Check::Client, path.as_str());
    let install = "incus-backup-setup aliases install";
    let count = |action: Action| rows.iter().filter(|row| row.action == action).count();
    if count(Action::Update) > 0 {
        let text = "aliases of `incus` run programs of another place";
        return Finding::new(Warning, about, text).mend(install);
    }
    if count(Action::Skip) == rows.len() {
        return Finding::new(Fine, about, "`incus backup …` runs these programs");
    }
    Finding::new(Note, about, "`incus` does not know all of these programs").mend(install)
}

fn settings(folder: Option<&Path>) -> Finding {
    let about = (Check::Settings, "backup.yml");
    match Settings::load(folder) {
        Ok(settings) => {
            let text = match settings.targets.len() {
                0 => "no target is named".to_owned(),
                1 => "1 target is named".to_owned(),
                count => format!("{count} targets are named"),
            };
            Finding::new(Fine, about, text)
        }
        Err(error) => failed(about, &error),
    }
}
