use super::*;

#[test]
fn versions_are_counted_by_their_numbers() {
    for (version, count, numbers_of_it) in [
        ("8.2.28-1+deb12u1", 3, "8.2.28"),
        ("8.2", 3, "8.2.0"),
        ("31.0.4", 4, "31.0.4.0"),
        ("31.0.4.1", 4, "31.0.4.1"),
        ("35.0.0beta4", 4, "35.0.0.0"),
        ("x", 2, "0.0"),
    ] {
        assert_eq!(numbers(version, count), numbers_of_it);
    }
}

#[test]
fn every_vendor_can_be_asked_and_has_an_archive() {
    let (settings, network) = (VendorSettings::default(), Network::default());
    for (name, feed, archive) in [
        (
            "wordpress",
            "https://api.wordpress.org/core/version-check/1.7/?version=1.2.3&php=8.2.1&locale=en_US&channel=",
            Some("https://downloads.wordpress.org/release/wordpress-1.2.3.zip"),
        ),
        (
            "nextcloud",
            "https://updates.nextcloud.com/updater_server/?version=31x0x4x1xxxstablexxx8x2x1",
            Some("https://download.nextcloud.com/server/releases/nextcloud-1.2.3.zip"),
        ),
        (
            "mediawiki",
            "https://api.github.com/repos/wikimedia/mediawiki/git/matching-refs/tags/1.",
            Some("https://releases.wikimedia.org/mediawiki/1.2/mediawiki-1.2.3.tar.gz"),
        ),
        (
            "roundcube",
            "https://api.github.com/repos/roundcube/roundcubemail/releases?per_page=30",
            Some(
                "https://github.com/roundcube/roundcubemail/releases/download/1.2.3/roundcubemail-1.2.3-complete.tar.gz",
            ),
        ),
        (
            "dokuwiki",
            "https://download.dokuwiki.org/version",
            Some("https://download.dokuwiki.org/src/dokuwiki/dokuwiki-1.2.3.tgz"),
        ),
        ("tiki", "https://sourceforge.net/projects/tikiwiki/rss?path=/", None),
    ] {
        let profile = Profile::named(name).unwrap();
        let asking = Asking {
            profile: &profile,
            settings: &settings,
            channel: Channel::Stable,
            installed: "1.2.3",
            build: Some("31.0.4.1"),
            php: Some("8.2.1"),
            folder: PathBuf::new(),
            network: &network,
        };
        let rule = asking.rule().unwrap();
        assert_eq!(asking.values(rule, "1.2.3").fill(&rule.feed).unwrap().as_str(), feed);
        let offer = Offer::of("1.2.3").unwrap();
        assert_eq!(asking.archive(&offer).ok().map(|url| url.to_string()).as_deref(), archive);
        let values = asking.values(rule, "1.2.3").with_raw("archive", "https://a.org/b".into());
        let beside = rule.digest.iter().map(|digest| &digest.url).chain(&rule.notes);
        for template in beside.chain(rule.signature.iter().filter_map(gpg_url)) {
            values.fill(template).unwrap();
        }
    }
    for name in ["yacs", "generic"] {
        assert!(Profile::named(name).unwrap().vendor.is_none());
    }
}

fn gpg_url(rule: &SignatureRule) -> Option<&String> {
    match rule {
        SignatureRule::Gpg { url } => Some(url),
        SignatureRule::RsaSha512 { .. } => None,
    }
}
