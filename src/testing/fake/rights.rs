//! What clients may not do that are no administrators.

use super::answer::{Answer, Asked};
use super::server::Series;
use super::state::State;

/// What a client may use.
#[derive(Debug, Clone, Default)]
pub enum Rights {
    /// Everything.
    #[default]
    All,
    /// These projects alone: it has a restricted certificate.
    Projects(Vec<String>),
    /// It may look, and change nothing.
    Look,
}

impl Rights {
    /// Whether they are also rights to a project.
    pub(super) fn include(&self, project: &str) -> bool {
        match self {
            Self::Projects(own) => own.iter().any(|it| it == project),
            Self::All | Self::Look => true,
        }
    }
}

/// What else than their own projects restricted clients see of `default`, to look at.
const SHARED: [&str; 1] = ["images"];

/// What a client is told that may not do what it asks for.
pub(super) fn refused(state: &State, asked: &Asked, path: &[&str]) -> Option<Answer> {
    let reads = asked.method == "GET";
    if matches!(state.rights, Rights::Look) && !reads {
        let text = "User does not have entitlement \"can_edit\" on object \"project:default\"";
        return Some(Answer::error(403, text));
    }
    if !matches!(state.rights, Rights::Projects(_)) {
        return None;
    }
    let family = *path.first()?;
    let project = match path {
        ["projects", name, ..] => name,
        ["projects"] if !reads => return Some(Answer::error(403, "Certificate is restricted")),
        ["projects" | "events" | "operations", ..] => return None,
        ["storage-pools"] if asked.series == Series::Lts60 => {
            return Some(Answer::error(500, "Certificate is restricted"));
        }
        ["cluster" | "storage-pools"]
        | ["storage-pools", _]
        | ["storage-pools", _, "resources"]
            if reads =>
        {
            return None;
        }
        _ => asked.project.as_str(),
    };
    if asked.query("all-projects").is_some_and(|it| it == "true") {
        return Some(Answer::error(403, "Certificate is restricted"));
    }
    let shared = reads && project == "default" && SHARED.contains(&family);
    let allowed = shared || state.rights.include(project);
    (!allowed).then(|| {
        let text = format!("User does not have permission for project \"{project}\"");
        Answer::error(403, &text)
    })
}
