use super::{Guard, Reach, SystemNetwork, is_private};
use std::net::IpAddr;
use std::sync::Arc;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn special_ranges_are_private_in_both_families_and_when_embedded() {
    for text in [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "198.18.0.1",
        "192.0.0.8",
        "::1",
        "::",
        "fd12::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "::10.0.0.1",
        "64:ff9b::10.0.0.1",
        "2002:7f00:1::1",
        "2001:0:1::1",
    ] {
        assert!(is_private(ip(text)), "{text}");
    }
    for text in
        ["1.1.1.1", "100.128.0.1", "172.32.0.1", "192.0.2.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1"]
    {
        assert!(!is_private(ip(text)), "{text}");
    }
}

#[test]
fn a_private_reach_still_refuses_metadata_services() {
    for text in ["169.254.169.254", "fe80::1", "fd00:ec2::254", "100.100.100.200", "::ffff:169.254.169.254"] {
        assert!(!Reach::Private.admits(ip(text), &SystemNetwork), "{text}");
        assert!(Reach::Any.admits(ip(text), &SystemNetwork), "{text}");
    }
    assert!(Reach::Private.admits(ip("10.0.0.1"), &SystemNetwork));
    assert!(!Reach::Public.admits(ip("10.0.0.1"), &SystemNetwork));
}

#[test]
fn an_address_out_of_reach_names_the_rule_that_refused_it() {
    let refused = |reach, url: &str| {
        let guard = Guard::new(Arc::new(SystemNetwork), reach, Arc::default());
        guard.judge_literal(&url.parse().unwrap()).unwrap_err().to_string()
    };
    let (inside, metadata) = ("http://10.0.0.1/x", "http://169.254.169.254/latest");
    assert!(refused(Reach::Public, inside).starts_with("10.0.0.1 is a private address, and the URL in Git is public"));
    assert!(refused(Reach::NeverPrivate, inside).contains("registries.allowPrivateAddresses is never"));
    let private = refused(Reach::Private, metadata);
    assert!(private.contains("metadata service") && !private.contains("URL in Git is public"), "{private}");
}
