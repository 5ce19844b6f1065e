//! A server: what it can do, and what this client may do there.

use jiff::Timestamp;

use super::finding::Verdict::{Fine, Note, Problem, Warning};
use super::{Check, Finding};
use crate::incus::{Project, is_restricted, is_true};

/// What is known of a server.
#[derive(Debug, Clone)]
pub struct ServerFacts {
    /// The remote.
    pub remote: String,
    /// Its version.
    pub version: String,
    /// What its API can do.
    pub api_extensions: Vec<String>,
    /// Whether this client may do everything there.
    pub administrator: bool,
    /// How the server knows it: `unix`, `tls` or `oidc`.
    pub method: String,
    /// Whether it is a member of the group `incus`, who has a project of their own.
    pub own_project: bool,
    /// Whether imports into projects with limits need no change of the project.
    pub takes_volatile_keys: bool,
    /// The projects that this client sees.
    pub projects: Vec<Project>,
    /// What this client may do in each of them, where it is no administrator.
    pub rights: Vec<ProjectRights>,
    /// What its clock said, and what this machine's said then.
    pub clocks: Option<(Timestamp, Timestamp)>,
}

/// What a client may do in a project.
#[derive(Debug, Clone)]
pub struct ProjectRights {
    /// The project.
    pub project: String,
    /// Whether it may back up an instance, where there is one to ask for.
    pub back_up: Option<bool>,
    /// Whether it may restore instances.
    pub restore: bool,
}

/// What an extension is for.
const EXTENSIONS: [(&str, &str); 3] = [
    ("custom_volume_backup", "custom volumes cannot be backed up"),
    ("backup_iso", "volumes with ISO images cannot be backed up"),
    ("storage_bucket_backup", "buckets cannot be backed up"),
];
/// The extension of servers that send a backup while they make it.
const STREAMS: &str = "direct_backup";
/// By how many seconds clocks may differ.
const TOLERANCE: u64 = 60;

/// What there is to say of a server.
pub fn server(facts: &ServerFacts) -> Vec<Finding> {
    let mut findings = vec![rights(facts)];
    let rights = facts.rights.iter().map(|it| rights_to(it, facts));
    // What a certificate is for is said above.
    findings.extend(rights.filter(|it| it.verdict != Fine || facts.method == "oidc"));
    findings.extend(projects(facts));
    findings.push(features(facts));
    findings.extend(clock(facts));
    findings
}

fn rights(facts: &ServerFacts) -> Finding {
    let about = (Check::Rights, facts.remote.as_str());
    if facts.administrator {
        return Finding::new(
            Fine,
            about,
            "everything can be backed up and restored: this client is an administrator",
        );
    }
    let names: Vec<&str> = facts.projects.iter().map(|it| it.name.as_str()).collect();
    if names.is_empty() {
        return Finding::new(Problem, about, "this client may use no project").mend(
            "on the server: incus config trust edit FINGERPRINT, and add a project to `projects`",
        );
    }
    if facts.method == "oidc" {
        let text = format!(
            "this client is known by its login, and sees {}; the configuration of the server, drills and \
             new projects need an administrator",
            in_words(&names)
        );
        return Finding::new(Note, about, text);
    }
    let who = if facts.own_project {
        "a member of the group `incus`"
    } else {
        "restricted"
    };
    let open: Vec<&str> = facts
        .projects
        .iter()
        .filter(|project| !keeps_backups_out(project))
        .map(|project| project.name.as_str())
        .collect();
    let can = match open.as_slice() {
        [] => format!("nothing of {} can be backed up", in_words(&names)),
        open => format!(
            "instances, volumes, buckets and images of {} can be backed up and restored",
            in_words(open)
        ),
    };
    let text = format!(
        "this client is {who}: {can}; the configuration of the server, drills and new projects need an \
         administrator"
    );
    Finding::new(Note, about, text)
}

/// What a client may do in a project, with the names of the rights that it lacks.
fn rights_to(rights: &ProjectRights, facts: &ServerFacts) -> Finding {
    let subject = format!("{}: project {}", facts.remote, rights.project);
    let about = (Check::Rights, subject.as_str());
    let (backs_up, restores) = (rights.back_up != Some(false), rights.restore);
    let (verdict, text) = match (backs_up, restores) {
        (true, true) => {
            let text = "instances of it can be backed up and restored";
            return Finding::new(Fine, about, text);
        }
        (true, false) => (
            Note,
            "nothing can be restored into it: this client lacks `can_create_instances`",
        ),
        (false, true) => (
            Problem,
            "its instances cannot be backed up: this client lacks `can_manage_backups`",
        ),
        (false, false) => (
            Problem,
            "this client may only look: to back instances up it lacks `can_manage_backups`, to restore \
             them `can_create_instances`",
        ),
    };
    Finding::new(verdict, about, text).mend(
        "on the server: make it an `operator` of the project, or allow that in `authorization.scriptlet`",
    )
}

/// Whether a project lets nobody back anything up.
fn keeps_backups_out(project: &Project) -> bool {
    let backups = project.config.get("restricted.backups");
    is_restricted(&project.config) && backups.is_none_or(|value| value != "allow")
}

fn in_words(projects: &[&str]) -> String {
    let named: Vec<String> = projects.iter().map(|name| format!("`{name}`")).collect();
    match projects.len() {
        1 => format!("project {}", named.concat()),
        _ => format!("projects {}", named.join(", ")),
    }
}

/// What projects do not let this client do.
fn projects(facts: &ServerFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for project in &facts.projects {
        let subject = format!("{}: project {}", facts.remote, project.name);
        let about = (Check::Rights, subject.as_str());
        let restricted = is_restricted(&project.config);
        if keeps_backups_out(project) {
            let text = "nothing in it can be backed up: the project does not allow backups";
            let command = format!(
                "incus project set {}:{} restricted.backups=allow{}",
                facts.remote,
                project.name,
                if facts.administrator {
                    ""
                } else {
                    ", by an administrator of the server"
                }
            );
            findings.push(Finding::new(Problem, about, text).mend(command));
        }
        let limited = restricted || project.config.keys().any(|key| key.starts_with("limits."));
        let closed = limited && !facts.administrator && !facts.takes_volatile_keys;
        if closed && !lets_low_level_in(project) {
            let text = "instances cannot be restored into it: it has limits or restrictions, which \
                        only an administrator can ease for as long as that takes";
            findings.push(
                Finding::new(Warning, about, text)
                    .mend("restore with the certificate of an administrator"),
            );
        }
    }
    findings
}

fn lets_low_level_in(project: &Project) -> bool {
    let mut keys = [
        "restricted.containers.lowlevel",
        "restricted.virtual-machines.lowlevel",
    ]
    .into_iter();
    keys.all(|key| {
        let value = project.config.get(key);
        value.is_some_and(|value| value == "allow" || is_true(value))
    })
}

fn features(facts: &ServerFacts) -> Finding {
    let about = (Check::Features, facts.remote.as_str());
    let has = |extension: &str| facts.api_extensions.iter().any(|known| known == extension);
    let lacks = EXTENSIONS.iter().filter(|(extension, _)| !has(extension));
    let mut texts: Vec<&str> = lacks.map(|(_, text)| *text).collect();
    let missing = !texts.is_empty();
    if !has(STREAMS) {
        texts.push("the server needs room for each backup while it makes it");
    }
    let version = &facts.version;
    if texts.is_empty() {
        return Finding::new(
            Fine,
            about,
            format!("Incus {version} can do all that is needed"),
        );
    }
    let text = format!("Incus {version}: {}", texts.join("; "));
    let finding = Finding::new(Note, about, text);
    if missing {
        finding.mend("upgrade Incus on the server")
    } else {
        finding
    }
}

fn clock(facts: &ServerFacts) -> Option<Finding> {
    let about = (Check::Clock, facts.remote.as_str());
    let (server, here) = facts.clocks?;
    let behind = here.as_second() - server.as_second();
    if behind.unsigned_abs() <= TOLERANCE {
        return Some(Finding::new(Fine, about, "the clocks agree"));
    }
    let relation = if behind > 0 { "behind" } else { "ahead of" };
    let text = format!(
        "the server's clock is {} s {relation} this machine's: versions and what expires have wrong \
         times",
        behind.unsigned_abs()
    );
    let command = "timedatectl set-ntp true (on the one that is wrong)";
    Some(Finding::new(Warning, about, text).mend(command))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::doctor::Verdict;

    fn facts(projects: &[(&str, &[(&str, &str)])]) -> ServerFacts {
        let project = |(name, config): &(&str, &[(&str, &str)])| Project {
            name: name.parse().unwrap(),
            config: config
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
        };
        ServerFacts {
            remote: "prod".into(),
            version: "6.0.4".into(),
            api_extensions: EXTENSIONS.map(|(name, _)| name.to_owned()).to_vec(),
            administrator: true,
            method: "unix".into(),
            own_project: false,
            takes_volatile_keys: false,
            projects: projects.iter().map(project).collect(),
            rights: Vec::new(),
            clocks: None,
        }
    }

    /// The verdicts and checks that came of it.
    fn told(facts: &ServerFacts) -> Vec<(Verdict, Check)> {
        let findings = server(facts);
        findings.iter().map(|it| (it.verdict, it.check)).collect()
    }

    #[test]
    fn an_administrator_may_do_everything() {
        let told = told(&facts(&[("default", &[])]));
        assert_eq!(told, [(Fine, Check::Rights), (Note, Check::Features)]);
    }

    #[test]
    fn a_restricted_client_is_told_what_it_can_do_and_where() {
        let mut facts = facts(&[("shop", &[]), ("lab", &[("limits.instances", "3")])]);
        facts.administrator = false;
        let findings = server(&facts);
        assert_eq!(findings[0].verdict, Note);
        assert!(findings[0].message.contains("projects `shop`, `lab`"));
        assert!(findings[0].message.contains("need an administrator"));
        assert_eq!(findings[1].subject, "prod: project lab");
        assert_eq!(
            (findings[1].verdict, findings[1].check),
            (Warning, Check::Rights)
        );
        facts.takes_volatile_keys = true;
        assert_eq!(told(&facts).len(), 2);
        facts.projects.clear();
        assert_eq!(told(&facts)[0], (Problem, Check::Rights));
    }

    #[rstest]
    #[case::operator(Some(true), true, Fine, "can be backed up and restored")]
    #[case::of_nothing_yet(None, true, Fine, "can be backed up and restored")]
    #[case::backs_up_alone(Some(true), false, Note, "lacks `can_create_instances`")]
    #[case::restores_alone(Some(false), true, Problem, "lacks `can_manage_backups`")]
    #[case::viewer(Some(false), false, Problem, "may only look")]
    fn who_logs_in_is_told_which_rights_are_lacking(
        #[case] back_up: Option<bool>,
        #[case] restore: bool,
        #[case] verdict: Verdict,
        #[case] text: &str,
    ) {
        let mut facts = facts(&[("shop", &[])]);
        (facts.administrator, facts.method) = (false, "oidc".into());
        facts.rights = vec![ProjectRights {
            project: "shop".into(),
            back_up,
            restore,
        }];
        let found = &server(&facts)[1];
        assert_eq!(
            (found.verdict, found.subject.as_str()),
            (verdict, "prod: project shop")
        );
        assert!(found.message.contains(text), "{found:?}");
        assert_eq!(found.remedy.is_some(), verdict != Fine);
    }

    #[rstest]
    #[case::by_certificate(
        "tls",
        false,
        "this client is restricted: nothing of project `user-7` can"
    )]
    #[case::by_group(
        "tls",
        true,
        "this client is a member of the group `incus`: nothing of project"
    )]
    #[case::by_oidc(
        "oidc",
        false,
        "this client is known by its login, and sees project `user-7`; the"
    )]
    fn who_may_do_nothing_is_told_who_can_change_that(
        #[case] method: &str,
        #[case] own_project: bool,
        #[case] text: &str,
    ) {
        let mut facts = facts(&[("user-7", &[("restricted", "true")])]);
        (facts.administrator, facts.own_project) = (false, own_project);
        facts.method = method.into();
        let findings = server(&facts);
        assert!(findings[0].message.starts_with(text), "{findings:?}");
        assert_eq!(
            findings[1].remedy.as_deref(),
            Some(
                "incus project set prod:user-7 restricted.backups=allow, by an administrator of the \
                 server"
            )
        );
    }

    #[rstest]
    #[case(&[("restricted", "true")], true)]
    #[case(&[("restricted", "true"), ("restricted.backups", "block")], true)]
    #[case(&[("restricted", "true"), ("restricted.backups", "allow")], false)]
    #[case(&[("restricted.backups", "block")], false)]
    fn a_project_that_allows_no_backups_is_a_problem_with_its_command(
        #[case] config: &[(&str, &str)],
        #[case] problem: bool,
    ) {
        let findings = server(&facts(&[("shop", config)]));
        let found = findings.iter().find(|it| it.verdict == Problem);
        let command = "incus project set prod:shop restricted.backups=allow";
        assert_eq!(
            found.and_then(|it| it.remedy.as_deref()),
            problem.then_some(command)
        );
    }

    #[test]
    fn what_a_server_lacks_is_named() {
        let mut facts = facts(&[]);
        facts.api_extensions = vec!["direct_backup".into(), "custom_volume_backup".into()];
        let findings = server(&facts);
        assert_eq!(
            findings[1].message,
            "Incus 6.0.4: volumes with ISO images cannot be backed up; buckets cannot be backed up"
        );
        assert!(findings[1].remedy.is_some());
        facts
            .api_extensions
            .extend(EXTENSIONS.map(|(name, _)| name.to_owned()));
        assert_eq!(server(&facts)[1].verdict, Fine);
    }

    #[rstest]
    #[case(0, Fine, "the clocks agree")]
    #[case(60, Fine, "the clocks agree")]
    #[case(61, Warning, "the server's clock is 61 s behind this machine's")]
    #[case(-3600, Warning, "the server's clock is 3600 s ahead of this machine's")]
    fn clocks_that_differ_are_told(
        #[case] behind: i64,
        #[case] verdict: Verdict,
        #[case] text: &str,
    ) {
        let mut facts = facts(&[]);
        let at = |second| Timestamp::from_second(second).unwrap();
        facts.clocks = Some((at(10_000), at(10_000 + behind)));
        let finding = server(&facts).pop().unwrap();
        assert_eq!(finding.verdict, verdict);
        assert!(finding.message.starts_with(text), "{}", finding.message);
    }
}
