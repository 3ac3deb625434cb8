//! The page of a letter, and what holds for every letter.

use super::*;

#[test]
fn the_page_of_an_update_that_waits_for_approval() {
    insta::assert_snapshot!(write(&about(Language::En), &needs_approval(), at()).html, @r#"
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <title>update 6.8.7 -&gt; 7.1.4 waits for your approval</title>
    </head>
    <body style="margin:0;padding:16px;font:15px/1.5 system-ui,sans-serif;color:#222;background:#fff">
    <div style="max-width:720px">
    <h1 style="font-size:20px;line-height:1.3;margin:0 0 12px;padding-left:12px;border-left:5px solid #8a5a00">blog.example.org: update 6.8.7 -&gt; 7.1.4 waits for your approval</h1>
    <p>The policy wants a person to look at this update first.</p>
    <table style="border-collapse:collapse;margin:12px 0">
    <tr><th style="text-align:left;vertical-align:top;font-weight:normal;color:#666;padding:2px 16px 2px 0;white-space:nowrap">The site now:</th><td><strong>open to visitors</strong></td></tr>
    <tr><th style="text-align:left;vertical-align:top;font-weight:normal;color:#666;padding:2px 16px 2px 0;white-space:nowrap">Version:</th><td>6.8.7 &rarr; 7.1.4</td></tr>
    <tr><th style="text-align:left;vertical-align:top;font-weight:normal;color:#666;padding:2px 16px 2px 0;white-space:nowrap">Site:</th><td>https:&#x2f;&#x2f;blog.example.org&#x2f;</td></tr>
    <tr><th style="text-align:left;vertical-align:top;font-weight:normal;color:#666;padding:2px 16px 2px 0;white-space:nowrap">Folder:</th><td>&#x2f;var&#x2f;www&#x2f;blog on web1</td></tr>
    <tr><th style="text-align:left;vertical-align:top;font-weight:normal;color:#666;padding:2px 16px 2px 0;white-space:nowrap">Time:</th><td>2026-11-21 03:12 UTC</td></tr>
    </table>
    <p>To approve it, type:</p>
    <pre style="background:#f4f4f2;padding:10px 12px;font:13px&#x2f;1.45 ui-monospace,Consolas,monospace;white-space:pre-wrap;overflow-wrap:anywhere">entracte --site &#x2f;var&#x2f;www&#x2f;blog approve 3f9ac1d2b07e</pre>
    <p>In detail:</p>
    <ul>
    <li>the database&#x27;s schema changes</li>
    <li>7.1.4 is a new major version</li>
    </ul>
    <p>The plan:</p>
    <pre style="background:#f4f4f2;padding:10px 12px;font:13px&#x2f;1.45 ui-monospace,Consolas,monospace;white-space:pre-wrap;overflow-wrap:anywhere">replace  312 files
    add       14 files

      ALTER TABLE wp_posts ADD COLUMN x INT</pre>
    <p style="color:#666;font-size:13px">sent by entracte on web1; who is told what: [notify] &#x2f;var&#x2f;www&#x2f;.entracte-blog&#x2f;entracte.toml</p>
    </div>
    </body>
    </html>
    "#);
}

#[test]
fn each_kind_has_words_in_both_languages() {
    use Kind::*;
    for language in [Language::En, Language::Fr] {
        for kind in [Failed, RolledBack, NeedsApproval, ClosedTooLong, Findings, Success, Test] {
            let letter = rendered(&about(language), &update(kind, "what"), at()).unwrap();
            assert!(letter.subject.len() > "[blog.example.org] ".len() + 10, "{kind:?}: {}", letter.subject);
        }
    }
    let names = |words: &str| -> Vec<String> {
        words
            .lines()
            .filter_map(|line| line.strip_prefix("{% set "))
            .map(|line| line.split(' ').next().unwrap().into())
            .collect()
    };
    assert_eq!(names(ENGLISH), names(FRENCH));
}

#[test]
fn nothing_from_outside_becomes_a_header_an_escape_or_markup() {
    let hostile = "7.1\r\nBcc: x@evil.example\r\n\r\n<script>alert(1)</script>\x1b[2J\u{202e}{{ 7 * 7 }}";
    let list = || vec![hostile.to_owned()];
    let notice = Notice {
        kind: Kind::Failed,
        run: Some(hostile.into()),
        from: Some(hostile.into()),
        to: Some(hostile.into()),
        what: hostile.into(),
        details: list(),
        log: hostile.into(),
        plan: Some(hostile.into()),
        next: list(),
        key: hostile.into(),
    };
    let letter = write(&about(Language::En), &notice.clean(), at());
    assert!(!letter.subject.chars().any(escape::is_dangerous), "{}", letter.subject);
    for part in [&letter.text, &letter.html] {
        assert!(!part.chars().any(|c| c != '\n' && escape::is_dangerous(c)), "{part}");
        assert!(part.contains("{{ 7 * 7 }}") && !part.contains("49"), "{part}");
    }
    assert!(!letter.html.contains("<script"), "{}", letter.html);
    assert!(letter.subject.chars().count() <= SUBJECT);
}
