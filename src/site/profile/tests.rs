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

/// What each manual, or the application's own list, says of a path.
#[test]
fn paths_are_what_the_manuals_say_they_are() {
    let said = |profile: &Profile, path: &str| {
        let lists = [
            ("volatile", &profile.volatile),
            ("uploads", &profile.uploads),
            ("keep", &profile.keep),
            ("optional", &profile.optional),
        ];
        let holds = lists.into_iter().filter(|(_, patterns)| patterns.matches(path));
        holds.map(|(name, _)| name).collect::<Vec<_>>().join(" ")
    };
    for (name, path, expected) in [
        ("wordpress", "wp-config.php", "keep"),
        ("wordpress", "wp-content/object-cache.php", "keep"),
        ("wordpress", "wp-content/mu-plugins/own.php", "keep"),
        ("wordpress", "wp-content/fonts/a.woff2", "uploads keep"),
        ("wordpress", "wp-content/uploads/a.jpg", "uploads keep"),
        ("wordpress", "wp-content/database/.ht.sqlite-wal", "volatile keep"),
        ("wordpress", "wp-content/debug.log", "volatile"),
        ("wordpress", "wp-content/index.php", ""),
        ("wordpress", "wp-content/plugins/shop/shop.php", ""),
        ("wordpress", "wp-admin/install.php", "optional"),
        ("wordpress", "wp-admin/upgrade.php", ""),
        ("nextcloud", "config/config.php", "keep"),
        ("nextcloud", "custom_apps/notes/app.php", "keep"),
        ("nextcloud", "themes/own/core/css/server.css", "keep"),
        ("nextcloud", "data/anna/files/a.txt", "uploads keep"),
        ("nextcloud", "data/nextcloud.log", "volatile uploads keep"),
        ("nextcloud", "data/updater-oc1234/downloads/a.zip", "volatile uploads keep"),
        ("nextcloud", "data/updater-oc1234/backups/nextcloud-30.0.1/lib/base.php", "volatile uploads keep"),
        ("nextcloud", "data/appdata_oc1234/theming/a.php", "volatile uploads keep"),
        ("nextcloud", "data/anna/files/shop/a.php", "uploads keep"),
        ("nextcloud", ".well-known/acme-challenge/token", "volatile keep"),
        ("nextcloud", "core/skeleton/Photos/a.jpg", "optional"),
        ("nextcloud", ".user.ini", ""),
        ("tiki", "db/local.php", "keep"),
        ("tiki", "db/preconfiguration.php", "keep"),
        ("tiki", "temp/templates_c/a.php", "volatile"),
        ("tiki", "templates_c/a.php", "volatile"),
        ("tiki", "temp/unified-index/1/a", "volatile"),
        ("tiki", "img/trackers/a.png", "uploads"),
        ("tiki", "tiki-install.php", "optional"),
        ("tiki", "templates/tiki.tpl", ""),
        ("dokuwiki", "conf/local.php.bak", "keep"),
        ("dokuwiki", "conf/users.auth.php", "keep"),
        ("dokuwiki", "conf/userprint.css", "keep"),
        ("dokuwiki", "conf/tpl/dokuwiki/style.ini", "keep"),
        ("dokuwiki", "conf/plugin_lang/acl/de/lang.php", "keep"),
        ("dokuwiki", "conf/plugins.local.php.bak", "keep"),
        ("dokuwiki", "conf/dokuwiki.php", ""),
        ("dokuwiki", "data/log/error/2026-01-01.log", "volatile"),
        ("dokuwiki", "data/media/a.png", "uploads keep"),
        ("dokuwiki", "install.php", "optional"),
        ("dokuwiki", ".htaccess.dist", "optional"),
        ("dokuwiki", "conf/users.auth.php.dist", "optional"),
        ("mediawiki", "LocalSettings.php", "keep"),
        ("mediawiki", "cache/l10n/en.cdb", "volatile"),
        ("mediawiki", "images/a/ab/A.png", "uploads keep"),
        ("mediawiki", "images/thumb/a/ab/A.png/9px-A.png", "volatile uploads keep"),
        ("mediawiki", "maintenance/.mweval_history", "volatile"),
        ("mediawiki", "images/.htaccess", ""),
        ("mediawiki", "mw-config/index.php", "optional"),
        ("mediawiki", "extensions/Cite/extension.json", "optional"),
        ("roundcube", "config/config.inc.php", "keep"),
        ("roundcube", "config/defaults.inc.php", ""),
        ("roundcube", "plugins/managesieve/config.inc.php", "keep"),
        ("roundcube", "skins/elastic/styles/_variables.less", "keep"),
        ("roundcube", "logs/errors.log", "volatile"),
        ("roundcube", "installer/index.php", "optional"),
        ("roundcube", "public_html/installer.php", "optional"),
        ("yacs", "parameters/control.include.php", "keep"),
        ("yacs", "files/article/1/a.pdf", "uploads keep"),
        ("yacs", "files/index.php", ""),
        ("yacs", "temporary/cache.php", "volatile"),
        ("yacs", "scripts/staging/index.php", "volatile"),
        ("yacs", "setup.php", "optional"),
        ("generic", ".well-known/acme-challenge/token", "volatile keep"),
        ("generic", ".env", "keep"),
    ] {
        assert_eq!(said(&Profile::named(name).unwrap(), path), expected, "{name}: {path}");
    }
}
