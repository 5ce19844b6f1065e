//! The page.

use std::time::Duration;

use super::chart::chart;
use super::facts::Facts;
use super::glance::{glance, lacking};
use super::growth;
use super::judged::judged;
use super::markup::Markup;
use super::pieces::{Mood, badge, time, took};
use super::runs::{Run, runs};
use super::table::resources;

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
