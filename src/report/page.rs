//! The page.

use std::time::Duration;

use jiff::Timestamp;

use super::chart::chart;
use super::facts::Facts;
use super::growth;
use super::judged::{Line, Part, Passed, Standing, judged};
use super::markup::Markup;
use super::runs::{Run, runs};
use crate::model::{Age, Bytes, CheckLevel, Consistency, Kind, ResourceId};
use crate::protection::Least;

/// What stands before everything that is told: nothing is loaded, and nothing is run.
const HEAD: &str = concat!(
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">",
    "<meta http-equiv=\"Content-Security-Policy\" ",
    "content=\"default-src 'none'; style-src 'unsafe-inline'\">",
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">",
    "<meta name=\"referrer\" content=\"no-referrer\"><style>\n",
    include_str!("style.css"),
    "</style><title>"
);

/// Makes the page.
pub fn page(facts: &Facts) -> String {
    let parts = judged(facts);
    let mut page = Markup::default();
    let names: Vec<&str> = parts.iter().map(|part| part.source.as_str()).collect();
    let title = match names.as_slice() {
        [] => "Backups".to_owned(),
        names => format!("Backups of {}", names.join(", ")),
    };
    let now = facts.rule.now;
    page.raw(HEAD)
        .text(&title)
        .raw("</title></head>\n<body><header><h1>");
    page.text(&title).raw("</h1><p class=\"soft\">As of ");
    time(&mut page, now, facts);
    page.raw(", in <bdi>")
        .text(&facts.target)
        .raw("</bdi></p></header>\n<main>");
    glance(&mut page, &parts, facts);
    lacking(&mut page, &parts, facts);
    grown(&mut page, facts);
    for part in &parts {
        resources(&mut page, part, facts);
    }
    last_runs(&mut page, facts);
    page.raw("</main>\n<footer><p>Times are those of ");
    page.text(zone(facts))
        .raw(". A backup is recent where it is at most ");
    page.text(facts.rule.max_age)
        .raw(" old. Made by incus-backup ");
    page.text(env!("CARGO_PKG_VERSION"))
        .raw(".</p></footer></body></html>\n");
    page.into_string()
}

fn zone(facts: &Facts) -> String {
    let now = facts.rule.now.to_zoned_datetime(facts.zone.clone());
    now.strftime("%Z").to_string()
}

/// A moment, for people and programs.
fn time(page: &mut Markup, at: Timestamp, facts: &Facts) {
    let shown = at.to_zoned_datetime(facts.zone.clone());
    page.raw("<time datetime=\"").text(at).raw("\">");
    page.text(shown.strftime("%Y-%m-%d %H:%M")).raw("</time>");
}

fn ago(page: &mut Markup, at: Timestamp, facts: &Facts) {
    let age = Age::of(at, facts.rule.now);
    page.text(format!("{age} ago"));
}

/// What counts as protected, in a word.
fn word(facts: &Facts) -> &'static str {
    match facts.rule.least {
        Least::Complete => "have a recent backup",
        Least::Verified => "have a recent verified backup",
        Least::Drilled => "have a recent drilled backup",
    }
}

/// How good something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Good,
    Warn,
    Bad,
    Calm,
}

impl Mood {
    fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Calm => "calm",
        }
    }
}

fn tile(page: &mut Markup, mood: Mood, value: &str, what: &str) {
    page.raw("<div class=\"tile ")
        .raw(mood.class())
        .raw("\"><b>");
    page.text(value)
        .raw("</b>")
        .span("soft", what)
        .raw("</div>");
}

fn badge(page: &mut Markup, mood: Mood, text: &str) {
    page.raw("<span class=\"badge ")
        .raw(mood.class())
        .raw("\">");
    page.text(text).raw("</span>");
}

/// What one wants to know first.
fn glance(page: &mut Markup, parts: &[Part<'_>], facts: &Facts) {
    let lines: Vec<&Line<'_>> = parts.iter().flat_map(|part| &part.lines).collect();
    let counting: Vec<&&Line<'_>> = lines.iter().filter(|line| line.counts()).collect();
    let count = |fits: &dyn Fn(&Line<'_>) -> bool| counting.iter().filter(|it| fits(it)).count();
    let all = counting.len();
    let protected = count(&|line| line.standing == Standing::Protected);
    let unknown = parts.iter().any(|part| part.unknown.is_some());
    page.raw("<section class=\"tiles\">");
    let mood = match (protected == all && all > 0, unknown) {
        (true, false) => Mood::Good,
        (true, true) => Mood::Warn,
        (false, _) => Mood::Bad,
    };
    let what = if unknown {
        format!("of what the target knows {}", word(facts))
    } else {
        word(facts).to_owned()
    };
    tile(page, mood, &format!("{protected} of {all}"), &what);
    let verified = count(&|line| line.verified.is_some_and(|it| it.of_newest));
    let what = "have a newest backup that was verified";
    tile(
        page,
        some(verified, all),
        &format!("{verified} of {all}"),
        what,
    );
    let is_instance = |line: &Line<'_>| line.resource.kind() == Kind::Instance;
    let instances = count(&is_instance);
    let drilled = count(&|line| is_instance(line) && line.drilled.is_some());
    if instances > 0 {
        let what = "instances ran as a restored copy";
        tile(page, Mood::Calm, &format!("{drilled} of {instances}"), what);
    }
    let inconsistent = count(&|line| line.consistency() == Some(Consistency::Inconsistent));
    let held = count(&|line| line.newest.is_some());
    let mood = if inconsistent == 0 {
        Mood::Calm
    } else {
        Mood::Warn
    };
    let value = format!("{} of {held}", held - inconsistent);
    tile(page, mood, &value, "backups are of one moment");
    let damaged: usize = lines.iter().map(|line| line.damaged).sum();
    if damaged > 0 {
        tile(page, Mood::Bad, &damaged.to_string(), "damaged versions");
    }
    let size: u64 = facts.stored.iter().map(|it| it.stored_size.0).sum();
    let versions = match facts.stored.len() {
        1 => "in 1 version".to_owned(),
        count => format!("in {count} versions"),
    };
    let what = match facts.free {
        Some(free) => format!("{versions}; {free} free"),
        None => versions,
    };
    tile(page, Mood::Calm, &Bytes(size).to_string(), &what);
    page.raw("</section>\n");
}

fn some(count: usize, all: usize) -> Mood {
    if count == all { Mood::Good } else { Mood::Calm }
}

/// What has no recent backup, and where that is not known.
fn lacking(page: &mut Markup, parts: &[Part<'_>], facts: &Facts) {
    page.raw("<section><h2>Not protected</h2>");
    for part in parts {
        if let Some(why) = &part.unknown {
            page.raw("<div class=\"box warn\"><p>What <bdi>")
                .text(&part.source);
            page.raw("</bdi> has that was never backed up is not known: ");
            page.text(why).raw("</p></div>");
        }
    }
    let mut any = false;
    for part in parts {
        let lacks = part.lines.iter().filter_map(|line| match &line.standing {
            Standing::Lacking(why) => Some((line, why)),
            _ => None,
        });
        for (line, why) in lacks {
            if !any {
                page.raw("<div class=\"box bad\"><ul>");
            }
            any = true;
            page.raw("<li>");
            name(page, &line.resource);
            if parts.len() > 1 {
                page.raw(" <span class=\"where\">of <bdi>")
                    .text(&part.source);
                page.raw("</bdi></span>");
            }
            page.raw(": ").text(why).raw("</li>");
        }
    }
    if any {
        page.raw("</ul></div>");
    } else if parts.iter().any(|part| !part.lines.is_empty()) {
        let known = parts.iter().all(|part| part.unknown.is_none());
        let what = if known {
            "Everything that is on the server and counts"
        } else {
            "Everything that the target knows"
        };
        page.raw("<div class=\"box good\"><p>").text(what);
        page.text(match facts.rule.least {
            Least::Complete => " has a recent backup.",
            Least::Verified => " has a recent backup that was verified.",
            Least::Drilled => {
                " has a recent backup that was drilled or, where it cannot be, verified."
            }
        });
        page.raw("</p></div>");
    } else {
        page.raw("<div class=\"box warn\"><p>There are no backups.</p></div>");
    }
    page.raw("</section>\n");
}

/// Kind, name, and where it is.
fn name(page: &mut Markup, resource: &ResourceId) {
    match resource.name() {
        Some(name) => {
            // A fingerprint is known by its beginning.
            let shown = match resource.kind() {
                Kind::Image => name.as_str().get(..12).unwrap_or(name.as_str()),
                _ => name.as_str(),
            };
            page.text(resource.kind()).raw(" <bdi>").text(shown);
            page.raw("</bdi>");
        }
        None => {
            page.raw("configuration of the server");
        }
    }
    let project = resource.project().filter(|it| it.as_str() != "default");
    if let Some(project) = project {
        page.raw(" <span class=\"where\">in project <bdi>")
            .text(project);
        page.raw("</bdi></span>");
    }
    if let Some(pool) = resource.pool() {
        page.raw(" <span class=\"where\">on pool <bdi>").text(pool);
        page.raw("</bdi></span>");
    }
}

/// How what is stored grew.
fn grown(page: &mut Markup, facts: &Facts) {
    let now = facts.rule.now;
    let curves = [
        (
            "Data in the newest backups",
            growth::data(&facts.stored, now),
        ),
        ("Stored of what is kept", growth::held(&facts.stored, now)),
    ];
    if curves.iter().all(|(_, curve)| curve.is_none()) {
        return;
    }
    page.raw("<section><h2>Growth</h2><div class=\"charts\">");
    for (title, curve) in &curves {
        if let Some(curve) = curve {
            chart(page, (title, curve), &facts.zone);
        }
    }
    page.raw(
        "</div><p class=\"soft\">What has been removed since is in neither; what versions share ",
    );
    page.raw("is counted in each of them.</p></section>\n");
}

/// Everything that is backed up, or should be.
fn resources(page: &mut Markup, part: &Part<'_>, facts: &Facts) {
    if part.lines.is_empty() {
        return;
    }
    page.raw("<section><h2><bdi>")
        .text(&part.source)
        .raw("</bdi></h2>");
    page.raw("<table><thead><tr><th>What</th><th>State</th><th>Newest backup</th><th>Since</th>");
    page.raw(
        "<th>Consistency</th><th>Verified</th><th>Drilled</th><th>Size</th></tr></thead>\n<tbody>",
    );
    for line in &part.lines {
        row(page, line, facts);
    }
    page.raw("</tbody></table></section>\n");
}

fn row(page: &mut Markup, line: &Line<'_>, facts: &Facts) {
    let (mood, state) = match &line.standing {
        Standing::Protected => (Mood::Good, "protected"),
        Standing::Lacking(_) if line.newest.is_some() => (Mood::Bad, "not recent enough"),
        Standing::Lacking(_) => (Mood::Bad, "no backup"),
        Standing::Spare(_) => (Mood::Calm, "kept"),
    };
    page.raw("<tr class=\"")
        .raw(mood.class())
        .raw("\"><th scope=\"row\">");
    name(page, &line.resource);
    page.raw("</th><td class=\"state\" data-name=\"State\"><div>");
    badge(page, mood, state);
    if line.damaged > 0 {
        page.raw(" ");
        badge(page, Mood::Bad, &format!("{} damaged", line.damaged));
    }
    match &line.standing {
        Standing::Protected => {}
        Standing::Lacking(why) => {
            page.raw("<small>").text(why).raw("</small>");
        }
        Standing::Spare(why) => {
            page.raw("<small>").text(why).raw("</small>");
        }
    }
    page.raw("</div></td>");
    let Some(newest) = line.newest else {
        page.raw("<td></td><td></td><td></td><td></td><td></td><td></td></tr>\n");
        return;
    };
    page.raw("<td class=\"number\" data-name=\"Newest backup\"><div>");
    let begun = newest.id.version.timestamp();
    time(page, begun, facts);
    page.raw("<small>");
    ago(page, begun, facts);
    page.raw("</small></div></td><td class=\"number\" data-name=\"Since\"><div>");
    let oldest = line.oldest.unwrap_or(newest).id.version.timestamp();
    let day = oldest.to_zoned_datetime(facts.zone.clone());
    page.text(day.strftime("%Y-%m-%d")).raw("<small>");
    page.text(match line.versions {
        1 => "1 version".to_owned(),
        count => format!("{count} versions"),
    });
    page.raw("</small></div></td><td data-name=\"Consistency\"><div>");
    consistency(page, line);
    page.raw("</div></td><td data-name=\"Verified\"><div>");
    verified(page, line, facts);
    page.raw("</div></td><td data-name=\"Drilled\"><div>");
    drilled(page, line, facts);
    page.raw("</div></td><td class=\"number\" data-name=\"Size\"><div>");
    // What the earlier tool left is not measured.
    if newest.size > Bytes(0) {
        page.text(newest.size);
    }
    page.raw("<small>").text(newest.stored_size);
    page.raw(" stored</small></div></td></tr>\n");
}

fn consistency(page: &mut Markup, line: &Line<'_>) {
    match line.consistency() {
        Some(it @ Consistency::Inconsistent) => badge(page, Mood::Warn, &it.to_string()),
        Some(it) => {
            page.text(it);
        }
        None => {
            page.span("soft", "not known");
        }
    }
}

fn verified(page: &mut Markup, line: &Line<'_>, facts: &Facts) {
    let quick = || {
        line.newest
            .and_then(|it| it.checks.latest(CheckLevel::Quick))
    };
    if let Some(passed) = line.verified {
        checked(page, passed, facts);
    } else if quick().is_some() {
        page.span("soft", "only quickly");
    } else {
        page.span("soft", "never");
    }
}

fn drilled(page: &mut Markup, line: &Line<'_>, facts: &Facts) {
    if line.resource.kind() != Kind::Instance {
        page.span("soft", "–");
        return;
    }
    if let Some(why) = line.failed_drill {
        badge(page, Mood::Bad, "failed");
        page.raw("<small>").text(why).raw("</small>");
        return;
    }
    if let Some(passed) = line.drilled {
        checked(page, passed, facts);
    } else {
        page.span("soft", "never");
    }
}

fn checked(page: &mut Markup, passed: Passed, facts: &Facts) {
    ago(page, passed.at, facts);
    if !passed.of_newest {
        page.raw("<small>an earlier version</small>");
    }
}

/// What was done last.
fn last_runs(page: &mut Markup, facts: &Facts) {
    let runs = runs(&facts.runs, &facts.stored);
    if runs.is_empty() {
        return;
    }
    page.raw(
        "<section><h2>Last runs</h2><table><thead><tr><th>Begun</th><th>Result</th><th>What</th>",
    );
    page.raw("<th>Server</th><th>Took</th><th>Did</th></tr></thead>\n<tbody>");
    for run in &runs {
        ran(page, run, facts);
    }
    page.raw("</tbody></table></section>\n");
}

fn ran(page: &mut Markup, run: &Run, facts: &Facts) {
    page.raw("<tr><th scope=\"row\">");
    time(page, run.begun, facts);
    page.raw("</th><td class=\"state\" data-name=\"Result\"><div>");
    let (mood, result) = match run.exit_code {
        None => (Mood::Calm, "stored".to_owned()),
        Some(0) => (Mood::Good, "done".to_owned()),
        Some(3) => (Mood::Warn, "in part".to_owned()),
        Some(130) => (Mood::Warn, "interrupted".to_owned()),
        Some(code) => (Mood::Bad, format!("failed ({code})")),
    };
    badge(page, mood, &result);
    page.raw("</div></td><td data-name=\"What\">");
    if let Some(command) = &run.command {
        page.raw("<code>").text(command).raw("</code>");
    }
    page.raw("</td><td data-name=\"Server\"><bdi>")
        .text(&run.source);
    page.raw("</bdi></td><td class=\"number\" data-name=\"Took\">");
    if let Some(seconds) = run.seconds {
        page.text(took(Duration::from_secs(seconds)));
    }
    page.raw("</td><td data-name=\"Did\">")
        .text(&run.did)
        .raw("</td></tr>\n");
}

/// A length of time in its two largest units.
fn took(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::super::judged::tests::facts;
    use super::*;

    #[test]
    fn a_page_says_what_is_protected_and_what_is_not() {
        let stored = ["web 20260131T010000Z full", "old 20260101T010000Z"];
        let html = page(&facts(&stored, Ok(&["web", "old", "new"])));
        for text in [
            "<title>Backups of prod</title>",
            "<b>1 of 3</b><span class=\"soft\">have a recent backup</span>",
            "<b>1 of 3</b><span class=\"soft\">have a newest backup that was verified</span>",
            "<li>instance <bdi>new</bdi>: it has no backup</li>",
            "<li>instance <bdi>old</bdi>: its newest complete backup is 30d old</li>",
            "<time datetime=\"2026-01-31T01:00:00Z\">2026-01-31 01:00</time><small>11h ago</small>",
            "Data in the newest backups<b>5.8 KiB</b>",
            "default-src 'none'",
        ] {
            assert!(html.contains(text), "{text} in {html}");
        }
        assert!(!html.contains("not known: "));
    }

    #[test]
    fn a_server_that_does_not_answer_leaves_unknown_what_was_never_backed_up() {
        let html = page(&facts(&["web 20260131T010000Z"], Err("it <is> down")));
        for text in [
            "What <bdi>prod</bdi> has that was never backed up is not known: it &lt;is&gt; down",
            "<b>1 of 1</b><span class=\"soft\">of what the target knows have a recent backup</span>",
            "Everything that the target knows has a recent backup.",
        ] {
            assert!(html.contains(text), "{text} in {html}");
        }
    }

    #[test]
    fn nothing_is_loaded_or_run_whatever_things_are_called() {
        let mut facts = facts(
            &["web 20260131T010000Z full drill!"],
            Err("<script>alert(1)</script>"),
        );
        facts.target = "dir:/<img src=x onerror=y>\"'".to_owned();
        facts.runs = vec![
            serde_json::from_value(serde_json::json!({
                "format": 1, "run": "20260131T010000Z-00000001", "program": "<b>",
                "command": ["<script>", "</style><script>x</script>"],
                "begun_at": "2026-01-31T01:00:00Z", "ended_at": "2026-01-31T01:01:01Z",
                "source": "prod", "exit_code": 4, "rows": [{ "status": "<script>" }],
            }))
            .unwrap(),
        ];
        let html = page(&facts);
        assert!(
            html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"),
            "{html}"
        );
        assert!(html.contains("it is &lt;broken&gt;"), "{html}");
        assert!(html.contains("1 min 1 s"), "{html}");
        let lower = html.to_lowercase();
        for forbidden in [
            "<script", "<img", "<link", "<iframe", "<base", "http:", "https:", "url(",
        ] {
            assert!(!lower.contains(forbidden), "{forbidden} in {html}");
        }
        assert_eq!(html.matches("</style>").count(), 1);
    }

    #[test]
    fn an_empty_target_is_no_reason_to_fail() {
        let mut facts = facts(&[], Err("it is down"));
        assert!(page(&facts).contains("There are no backups."));
        facts.servers.clear();
        let html = page(&facts);
        assert!(html.contains("<title>Backups</title>"), "{html}");
    }
}
