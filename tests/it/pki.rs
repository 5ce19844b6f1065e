//! Certificates of an authority: `client.ca` beside the client's own.

use std::path::{Path, PathBuf};

use incus_backup::testing::fake::Series;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair,
};
use rstest::rstest;

use crate::fake::World;
use crate::https::{Front, Pair, configuration};
use crate::lab::Ran;

/// An authority, and what it makes.
struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    }

    fn new(name: &str) -> Self {
        let (params, key) = (Self::params(name), KeyPair::generate().unwrap());
        Self {
            certificate: params.self_signed(&key).unwrap().pem(),
            issuer: Issuer::new(params, key),
        }
    }

    /// An authority that this one vouches for.
    fn between(&self, name: &str) -> Self {
        let (params, key) = (Self::params(name), KeyPair::generate().unwrap());
        Self {
            certificate: params.signed_by(&key, &self.issuer).unwrap().pem(),
            issuer: Issuer::new(params, key),
        }
    }

    /// A certificate for a host, or for a client, that is good until the end of a year.
    fn makes(&self, name: &str, year: i32) -> Pair {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 12, 31);
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate().unwrap();
        Pair {
            certificate: params.signed_by(&key, &self.issuer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }
}

/// A world whose server shows this certificate, to whoever has one of an authority, and a client that has
/// one and trusts these authorities.
fn world(
    server: &Pair,
    of_clients: &Authority,
    client: &Pair,
    trusted: &[&str],
) -> (World, PathBuf) {
    let world = World::with_web(Series::Lts70, "zfs");
    let socket = world.folder.path().join("unix.socket");
    let clients = Pair {
        certificate: of_clients.certificate.clone(),
        key: String::new(),
    };
    let front = Front::before(&socket, server, Some(&clients));
    let conf = configuration(&world, &front.url, "");
    let write = |name: &str, text: &str| std::fs::write(conf.join(name), text).unwrap();
    write("client.crt", &client.certificate);
    write("client.key", &client.key);
    if !trusted.is_empty() {
        write("client.ca", &trusted.concat());
    }
    (world, conf)
}

fn run((world, conf): &(World, PathBuf)) -> Ran {
    let mut command = world.command(&["create", "web", "--yes"]);
    Ran::of(&command.env("INCUS_CONF", conf).output().unwrap())
}

fn pin(conf: &Path, pair: &Pair) {
    std::fs::write(conf.join("servercerts/far.crt"), &pair.certificate).unwrap();
}

#[track_caller]
fn refused(world: &(World, PathBuf)) {
    let said = run(world).exits(1).stderr;
    let text = "the certificate of the remote `far` is not the one that is trusted";
    assert!(said.contains(text), "{said}");
    assert_eq!(world.0.incus.state().requests, Vec::<String>::new());
}

#[test]
fn a_server_of_the_authority_is_trusted_without_a_pin() {
    let ca = Authority::new("one");
    let server = ca.makes("127.0.0.1", 2999);
    let client = ca.makes("client", 2999);
    run(&world(&server, &ca, &client, &[&ca.certificate])).exits(0);
    // Also by the second authority of the file.
    let other = Authority::new("two");
    let both = [other.certificate.as_str(), &ca.certificate];
    run(&world(&server, &ca, &client, &both)).exits(0);
}

#[rstest]
#[case::of_another_authority(Authority::new("two").makes("127.0.0.1", 2999))]
#[case::that_signs_itself(Pair::of("127.0.0.1"))]
fn another_server_is_not_trusted(#[case] server: Pair) {
    let ca = Authority::new("one");
    let client = ca.makes("client", 2999);
    refused(&world(&server, &ca, &client, &[&ca.certificate]));
}

#[test]
fn the_authority_does_not_stand_for_another_name_or_a_certificate_that_ran_out() {
    let ca = Authority::new("one");
    let client = ca.makes("client", 2999);
    for server in [ca.makes("elsewhere", 2999), ca.makes("127.0.0.1", 2020)] {
        refused(&world(&server, &ca, &client, &[&ca.certificate]));
    }
    // Without `client.ca` only the system's authorities count.
    let server = ca.makes("127.0.0.1", 2999);
    refused(&world(&server, &ca, &client, &[]));
}

/// As `incus` does: the name that is expected is that of the pin, so that a renewed certificate passes.
#[test]
fn a_renewed_certificate_of_the_pinned_name_is_trusted_by_its_authority() {
    let ca = Authority::new("one");
    let client = ca.makes("client", 2999);
    let (old, new) = (
        ca.makes("server.example", 2020),
        ca.makes("server.example", 2999),
    );
    let renewed = world(&new, &ca, &client, &[&ca.certificate]);
    pin(&renewed.1, &old);
    run(&renewed).exits(0);
    // The pin itself is trusted whatever the authority is.
    let own = Pair::of("anything");
    let pinned = world(&own, &ca, &client, &[&ca.certificate]);
    pin(&pinned.1, &own);
    run(&pinned).exits(0);
}

/// `client.crt` holds what is between the client's certificate and the authority.
#[test]
fn a_client_shows_the_whole_chain() {
    let ca = Authority::new("one");
    let between = ca.between("between");
    let server = ca.makes("127.0.0.1", 2999);
    let mut client = between.makes("client", 2999);
    client.certificate += &between.certificate;
    run(&world(&server, &ca, &client, &[&ca.certificate])).exits(0);
}
