//! Everything that is backed up, or should be, as rows.

use super::facts::Facts;
use super::judged::{Line, Part, Passed, Standing};
use super::markup::Markup;
use super::pieces::{Mood, ago, badge, name, time};
use crate::model::{Bytes, CheckLevel, Consistency, Kind};

/// Everything that is backed up, or should be.
pub(super) fn resources(page: &mut Markup, part: &Part<'_>, facts: &Facts) {
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
