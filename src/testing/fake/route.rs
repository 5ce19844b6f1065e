//! Which family a request belongs to.

use super::answer::{Answer, Asked, decode};
use super::state::State;
use super::{exec, images, instances, operations, profiles, projects, rights, server, storage};

/// Answers a request.
pub(super) fn route(state: &mut State, asked: &Asked) -> Answer {
    let path: Vec<String> = asked
        .path
        .split('/')
        .filter(|part| !part.is_empty())
        .skip(1)
        .map(decode)
        .collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    if let Some(refused) = rights::refused(state, asked, &path) {
        return refused;
    }
    match path.as_slice() {
        [] => server::server(state, asked.series),
        ["metadata", "configuration"] => server::keys(asked.series),
        ["events"] => Answer::Events,
        ["cluster"] => server::cluster(state),
        ["operations", id, "websocket"] => exec::attach(state, id, asked),
        ["operations", rest @ ..] => operations::answer(state, asked, rest),
        ["projects", rest @ ..] => projects::answer(state, asked, rest),
        ["profiles", rest @ ..] => profiles::profiles(state, asked, rest),
        ["networks", rest @ ..] => profiles::networks(state, asked, rest),
        ["storage-pools", rest @ ..] => storage::answer(state, asked, rest),
        ["images", rest @ ..] => images::answer(state, asked, rest),
        ["instances", rest @ ..] => instances::answer(state, asked, rest),
        _ => Answer::error(404, "not found"),
    }
}
