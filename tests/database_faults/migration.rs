//! A migration of twenty steps, most of which would do harm if they ran twice.

use crate::support::database::field::Setting;

/// One statement each; the comment in each is its number.
pub const STEPS: [&str; 20] = [
    "ALTER /* 01 */ TABLE pages ADD COLUMN author VARCHAR(80) NULL",
    "UPDATE /* 02 */ pages SET author = CONCAT('author; of ', title)",
    "ALTER /* 03 */ TABLE pages MODIFY title VARCHAR(400) NOT NULL",
    "CREATE /* 04 */ INDEX by_author ON pages (author(20))",
    "ALTER /* 05 */ TABLE pages DROP INDEX by_title",
    "CREATE /* 06 */ TABLE tags (id INT AUTO_INCREMENT PRIMARY KEY, page INT NOT NULL, name VARCHAR(40))",
    "INSERT /* 07 */ INTO tags (page, name) SELECT id, 'all' FROM pages",
    "UPDATE /* 08 */ counters SET n = n + 1",
    "RENAME /* 09 */ TABLE links TO page_links",
    "ALTER /* 10 */ TABLE page_links ADD COLUMN weight INT NOT NULL DEFAULT 1",
    "UPDATE /* 11 */ page_links SET weight = weight * 2 + page",
    "INSERT /* 12 */ INTO page_links SELECT page, CONCAT(target, '#'), weight FROM page_links",
    "DROP /* 13 */ TABLE old_counts",
    "CREATE /* 14 */ VIEW popular AS SELECT id, title FROM pages WHERE hits > 10",
    "ALTER /* 15 */ TABLE users DROP COLUMN mail",
    "ALTER /* 16 */ TABLE users ADD COLUMN joined DATE DEFAULT '2020-01-01', ALGORITHM=COPY",
    "DELETE /* 17 */ FROM users WHERE id % 3 = 0",
    "ALTER /* 18 */ TABLE counters CHANGE n value BIGINT NOT NULL",
    "UPDATE /* 19 */ counters SET value = value * 10",
    "INSERT /* 20 */ INTO counters VALUES ('migrated', 20)",
];

/// The text that the `number`-th statement alone has.
pub fn mark(number: usize) -> String {
    format!("/* {number:02} */")
}

/// How many there are.
pub const ALL: usize = STEPS.len();

/// The one that copies a table of many rows.
pub const LONG: usize = 16;

/// Six tables, of three engines, and the twenty statements in four files.
pub fn setting() -> Setting {
    let seed = [
        "CREATE TABLE pages (id INT AUTO_INCREMENT PRIMARY KEY, title VARCHAR(200) NOT NULL, hits INT, \
         KEY by_title (title))",
        "INSERT INTO pages (title, hits) VALUES ('one', 1), ('two''s', 20), ('été', 300)",
        "CREATE TABLE counters (name VARCHAR(20) PRIMARY KEY, n INT NOT NULL)",
        "INSERT INTO counters VALUES ('visits', 7), ('pages', 3)",
        "CREATE TABLE links (page INT, target VARCHAR(100)) ENGINE=Aria",
        "INSERT INTO links VALUES (1, 'a'), (2, 'b')",
        "CREATE TABLE old_counts (n INT) ENGINE=MyISAM",
        "INSERT INTO old_counts VALUES (1), (1), (NULL)",
        "CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(100), mail VARCHAR(100))",
        "INSERT INTO users SELECT seq, REPEAT(MD5(seq), 3), CONCAT(seq, '@example.org') FROM seq_1_to_8000",
        "CREATE TABLE untouched (a INT)",
    ];
    let names = ["010-pages.sql", "020-links.sql", "030-users.sql", "040-rest.sql"];
    let schema = names.iter().zip(STEPS.chunks(ALL / names.len())).map(|(name, steps)| {
        let text: String = steps.iter().map(|step| format!("-- a step; and a comment\n{step};\n")).collect();
        (*name, text)
    });
    Setting {
        seed: seed.map(str::to_owned).to_vec(),
        schema: schema.collect(),
        settings: String::new(),
        scripts: Vec::new(),
        only_database: false,
        prefix: "",
        limits: "",
    }
}
