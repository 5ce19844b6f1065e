//! Logins by OIDC: the tokens of the client are used, renewed at their issuer, and stored.

use std::path::PathBuf;
use std::process::Stdio;

use incus_backup::testing::fake::{Fault, Series};
use serde_json::{Value, json};

use crate::fake::World;
use crate::faults_volumes::Operation;
use crate::https::{Front, Pair, configuration};
use crate::issuer::Issuer;
use crate::lab::{Ran, kill, until};

/// A world whose server takes the token `good`, and a client whose stored tokens are these.
fn world(issuer: &str, tokens: Option<&Value>) -> (World, PathBuf) {
    before(World::with_web(Series::Lts70, "zfs"), issuer, tokens)
}

fn before(world: World, issuer: &str, tokens: Option<&Value>) -> (World, PathBuf) {
    let server = Pair::of("fake");
    let socket = world.folder.path().join("unix.socket");
    let front = Front::before(&socket, &server, None);
    let conf = configuration(&world, &front.url, ", auth_type: oidc");
    std::fs::write(conf.join("servercerts/far.crt"), server.certificate).unwrap();
    std::fs::create_dir(conf.join("oidctokens")).unwrap();
    if let Some(tokens) = tokens {
        std::fs::write(conf.join("oidctokens/far.json"), tokens.to_string()).unwrap();
    }
    world.incus.state().login = Some(("good".to_owned(), issuer.to_owned()));
    (world, conf)
}

fn run((world, conf): &(World, PathBuf), arguments: &[&str]) -> Ran {
    let mut command = world.command(arguments);
    Ran::of(&command.env("INCUS_CONF", conf).output().unwrap())
}

fn stored((_, conf): &(World, PathBuf)) -> Value {
    serde_json::from_slice(&std::fs::read(conf.join("oidctokens/far.json")).unwrap()).unwrap()
}

const CREATE: [&str; 3] = ["create", "web", "--yes"];

#[test]
fn a_stored_token_that_is_taken_is_used_and_left_alone() {
    let tokens = json!({ "access_token": "good", "refresh_token": "r", "x": 1 });
    let world = world("http://127.0.0.1:9", Some(&tokens));
    run(&world, &CREATE).exits(0);
    run(&world, &["restore", "web", "--replace", "--yes"]).exits(0);
    assert_eq!(stored(&world), tokens);
    let asked = &world.0.incus.state().requests;
    assert!(
        asked.iter().any(|it| it == "POST /1.0/instances"),
        "{asked:?}"
    );
}

#[test]
fn a_token_that_has_run_out_is_renewed_and_stored() {
    let given = json!({ "access_token": "good", "token_type": "Bearer", "refresh_token": "next",
        "expires_in": 300 });
    let issuer = Issuer::start("first", given);
    let tokens = json!({ "access_token": "stale-token", "refresh_token": "first", "x": 1 });
    let world = world(&issuer.url, Some(&tokens));
    let ran = run(&world, &[CREATE.as_slice(), &["--debug"]].concat()).exits(0);
    for secret in ["stale-token", "first", "next"] {
        assert!(!ran.stderr.contains(secret), "{}", ran.stderr);
    }
    run(&world, &["restore", "web", "--replace", "--yes"]).exits(0);
    let stored = stored(&world);
    assert_eq!(
        [
            &stored["access_token"],
            &stored["refresh_token"],
            &stored["x"]
        ],
        [&json!("good"), &json!("next"), &json!(1)]
    );
    assert_eq!(issuer.forms().len(), 1);
}

/// In mid-run the server takes another token: what was going on goes on, an upload too.
#[test]
fn a_token_that_runs_out_in_a_run_is_renewed_in_it() {
    let issuer = Issuer::start("first", json!({ "access_token": "better" }));
    let tokens = json!({ "access_token": "good", "refresh_token": "first" });
    let world = world(&issuer.url, Some(&tokens));
    run(&world, &CREATE).exits(0);
    let issuer = issuer.url.clone();
    {
        let mut state = world.0.incus.state();
        state.instances.clear();
        let after = state.requests.len() + 4;
        state.meanwhile = Some((after, |state| {
            if let Some((token, _)) = &mut state.login {
                "better".clone_into(token);
            }
        }));
    }
    run(&world, &["restore", "web", "--yes"]).exits(0);
    let state = world.0.incus.state();
    assert_eq!(state.login, Some(("better".to_owned(), issuer)));
    assert_eq!(state.names(), ["web"]);
    drop(state);
    assert_eq!(stored(&world)["access_token"], "better");
}

/// The guard of paused instances logs in by itself, with what the run renewed.
#[test]
fn the_guard_resumes_what_is_paused_by_the_same_login() {
    let issuer = Issuer::start("first", json!({ "access_token": "good" }));
    let tokens = json!({ "access_token": "stale-token", "refresh_token": "first" });
    let world = Operation::Create.world(Series::Lts60);
    let (world, conf) = before(world, &issuer.url, Some(&tokens));
    world
        .incus
        .inject(Fault::parse("hang:Copying storage volume").unwrap());
    let mut command = world.command_for("volume", Operation::Create.arguments());
    let command = command.env("INCUS_CONF", &conf);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = || world.incus.state().instance("web").unwrap().status;
    until(30, "the copy", || world.incus.state().faults.is_empty());
    assert_eq!(status(), "Frozen");
    kill(child.id(), "KILL");
    child.wait().unwrap();
    until(30, "the container to go on", || status() == "Running");
    assert_eq!(issuer.forms().len(), 1);
    world.incus.state().give_up();
}

#[track_caller]
fn refused(world: &(World, PathBuf), why: &str) {
    let ran = run(world, &CREATE).exits(1);
    let beginning = "error: cannot log in to the remote `far`\n  caused by: ";
    assert!(ran.stderr.starts_with(beginning), "{}", ran.stderr);
    assert!(ran.stderr.contains(why), "{}", ran.stderr);
    let hint = "hint: log in with the client (`incus list far:`), or use a client certificate";
    assert!(ran.stderr.contains(hint), "{}", ran.stderr);
    for secret in ["stale-token", "first"] {
        assert!(!ran.stderr.contains(secret), "{}", ran.stderr);
    }
}

#[test]
fn a_login_that_cannot_be_renewed_is_told_with_what_to_do() {
    let issuer = Issuer::start("another", json!({}));
    let old = |refresh: &str| json!({ "access_token": "stale-token", "refresh_token": refresh });
    refused(&world(&issuer.url, None), "nobody has logged in (`");
    refused(
        &world(&issuer.url, Some(&json!({}))),
        "nobody has logged in (`",
    );
    refused(
        &world(&issuer.url, Some(&old(""))),
        "the login has run out\n",
    );
    let why = format!(
        "the login has run out, and `{}` does not renew it",
        issuer.url
    );
    refused(&world(&issuer.url, Some(&old("first"))), &why);
    refused(
        &world(&issuer.url, Some(&old("first"))),
        "it answers 400 invalid_grant",
    );
    refused(
        &world("http://127.0.0.1:9", Some(&old("first"))),
        "it cannot be asked",
    );
}

/// A server cannot make the client send its refresh token to whom it likes.
#[test]
fn a_refresh_token_goes_only_to_whom_the_login_came_from() {
    let issuer = Issuer::start("first", json!({ "access_token": "good" }));
    // The payload says `{"iss":"https://id.example"}`.
    let tokens = json!({ "access_token": "stale-token", "refresh_token": "first",
        "IDToken": "h.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUifQ.s" });
    refused(
        &world(&issuer.url, Some(&tokens)),
        "the login came from `https://id.example`",
    );
    let plain = json!({ "access_token": "stale-token", "refresh_token": "first" });
    refused(
        &world("http://id.example", Some(&plain)),
        "its address is not one of HTTPS",
    );
    assert_eq!(issuer.forms(), Vec::<String>::new());
}
