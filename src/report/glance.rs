//! What one wants to know first: how much is protected, and what is not.

use super::facts::Facts;
use super::judged::{Line, Part, Standing};
use super::markup::Markup;
use super::pieces::{Mood, name};
use crate::model::{Bytes, Consistency, Kind};
use crate::protection::Least;

/// What counts as protected, in a word.
fn word(facts: &Facts) -> &'static str {
    match facts.rule.least {
        Least::Complete => "have a recent backup",
        Least::Verified => "have a recent verified backup",
        Least::Drilled => "have a recent drilled backup",
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

/// What one wants to know first.
pub(super) fn glance(page: &mut Markup, parts: &[Part<'_>], facts: &Facts) {
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
pub(super) fn lacking(page: &mut Markup, parts: &[Part<'_>], facts: &Facts) {
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
