use super::*;

#[test]
fn every_embedded_profile_is_understood_and_named_as_it_is_filed() {
    for name in NAMES {
        assert_eq!(Profile::named(name).unwrap().name, name);
    }
    assert_eq!(EMBEDDED.map(|(name, _)| name), NAMES);
    assert!(Profile::named("joomla").is_err());
}

#[test]
fn versions_are_read_from_the_applications_own_files() {
    for (name, content, version) in [
        ("wordpress", "<?php\n/** x */\n$wp_version = '6.8.3';\n", Some("6.8.3")),
        ("dokuwiki", "2024-02-06b \"Kaos\"\n", Some("2024-02-06b")),
        ("nextcloud", "$OC_Version = [31,0];\n$OC_VersionString = '31.0.4';", Some("31.0.4")),
        ("nextcloud", "$OC_Version = [31, 0, 3, 2];\n\n$OC_VersionString = '31.0.3';", Some("31.0.3")),
        ("mediawiki", "define( 'MW_VERSION', '1.39.17' );", Some("1.39.17")),
        ("mediawiki", "define('MW_VERSION', '1.43.0');", Some("1.43.0")),
        ("roundcube", "define('RCMAIL_VERSION', '1.6.5');", Some("1.6.5")),
        ("tiki", "\t\t$this->version \t= '11.0';\t// needs to have no spaces", Some("11.0")),
        ("tiki", "        $this->version  = '29.0vcs';\n", Some("29.0vcs")),
        ("yacs", "{\"version\":\"10.10.1\",\"date\":\"x\"}", Some("10.10.1")),
        ("yacs", "{\"date\":\"230109-11:12:43 GMT\",\"server\":\"localhost\"}", Some("230109")),
        ("yacs", "$generation['version']='9.8beta31.30.5';\n", Some("9.8beta31.30.5")),
        ("wordpress", "nothing of the kind", None),
        ("wordpress", "$wp_version = 'a b';", None),
    ] {
        let found = Profile::named(name).unwrap().version_in(&|_| Some(content.as_bytes().to_vec()));
        assert_eq!(found.as_deref(), version, "{name}");
    }
}

#[test]
fn the_least_php_is_read_from_the_release() {
    for (name, content, least) in [
        ("mediawiki", "\t\t\"ext-xmlreader\": \"*\",\n\t\t\"php\": \">=7.4.3\",\n", Some("7.4.3")),
        ("roundcube", "        \"php\": \">=8.1 <8.6\",", Some("8.1")),
        ("nextcloud", "echo 'This version of Nextcloud requires at least PHP 8.2<br/>';", Some("8.2")),
        ("nextcloud", "<?php", None),
        ("yacs", "\"php\": \">=7.4.3\"", None),
    ] {
        let found = Profile::named(name).unwrap().php_in(&|_| Some(content.as_bytes().to_vec()));
        assert_eq!(found.as_deref(), least, "{name}");
    }
}

#[test]
fn applications_are_recognised_by_their_files() {
    for name in NAMES {
        let files = Profile::named(name).unwrap().detect;
        assert_eq!(detect(&|path| files.contains(path)).unwrap().name, name);
    }
}

#[test]
fn volatile_rows_are_found_by_the_bare_table_name() {
    let profile = Profile::named("wordpress").unwrap();
    assert!(profile.volatile_rows("wp_options", "wp_").unwrap().contains("transient"));
    assert!(profile.volatile_rows("wp_posts", "wp_").is_none());
}

#[test]
fn predicates_mean_the_same_to_both_engines() {
    for name in NAMES {
        for rows in Profile::named(name).unwrap().volatile_rows.values() {
            assert!(!rows.contains('\\') && !rows.contains('`'), "{name}: {rows}");
        }
    }
}
