use super::*;
use crate::database::schema::model::KeyKind;
use crate::database::schema::model::KeyPart;
use crate::database::schema::model::PRIMARY;

/// A table written as `id int!, name varchar(60) | PRIMARY id | u:mail mail | fk user_id>users.id`.
fn table(text: &str) -> Table {
    let mut table = Table::default();
    let mut pieces = text.split(" | ");
    for column in pieces.next().unwrap_or_default().split(", ").filter(|column| !column.is_empty()) {
        let (name, sql_type) = column.split_once(' ').unwrap();
        table.columns.push(Column {
            name: name.into(),
            sql_type: sql_type.trim_end_matches('!').into(),
            nullable: !sql_type.ends_with('!'),
            ..Column::default()
        });
    }
    for piece in pieces {
        let (name, columns) = piece.split_once(' ').unwrap();
        if let Some(condition) = columns.strip_prefix("check ") {
            table.checks.insert(name.into(), condition.into());
        } else if let Some((column, referenced)) = columns.split_once('>') {
            let (other, referenced) = referenced.split_once('.').unwrap();
            table.foreign.insert(name.into(), foreign(column, other, referenced));
        } else if let Some(value) = columns.strip_prefix("= ") {
            table.options.insert(name.into(), value.into());
        } else {
            table.keys.insert(name.trim_start_matches("u:").into(), key(name, columns));
        }
    }
    table
}

fn foreign(column: &str, table: &str, referenced: &str) -> ForeignKey {
    ForeignKey {
        columns: vec![column.into()],
        table: table.into(),
        referenced: vec![referenced.into()],
        on_delete: "RESTRICT".into(),
        on_update: "RESTRICT".into(),
    }
}

fn key(name: &str, columns: &str) -> Key {
    let kind = match name {
        PRIMARY => KeyKind::Primary,
        name if name.starts_with("u:") => KeyKind::Unique,
        _ => KeyKind::Plain,
    };
    let part = |of: &str| KeyPart {
        of: of.into(),
        is_expression: false,
        length: None,
        descending: false,
        collation: None,
    };
    Key { kind, parts: columns.split('+').map(part).collect(), filter: None }
}

fn schema(tables: &[(&str, &str)]) -> Schema {
    let mut schema = Schema::default();
    for (name, text) in tables {
        match text.strip_prefix("view ") {
            Some(query) => _ = schema.views.insert((*name).into(), query.into()),
            None => _ = schema.tables.insert((*name).into(), table(text)),
        }
    }
    schema
}

fn shown(change: &Change) -> String {
    match change {
        Change::CreateTable(_) => "create".into(),
        Change::DropTable => "drop".into(),
        Change::RenameTable { from } => format!("was {from}"),
        Change::AddColumn { column, after } => {
            format!("add {} after {}", column.name, after.as_deref().unwrap_or("-"))
        }
        Change::ModifyColumn { from, to } => format!("{} {} -> {}", to.name, from.sql_type, to.sql_type),
        Change::RenameColumn { from, to } => format!("{} was {}", to.name, from.name),
        Change::DropColumn { name } => format!("drop {name}"),
        Change::AddKey { name, .. } => format!("add key {name}"),
        Change::DropKey { name } => format!("drop key {name}"),
        Change::AddForeignKey { name, .. } => format!("add foreign {name}"),
        Change::DropForeignKey { name } => format!("drop foreign {name}"),
        Change::AddCheck { name, .. } => format!("add check {name}"),
        Change::DropCheck { name } => format!("drop check {name}"),
        Change::SetOption { name, from, to } => {
            format!("{name} {} -> {to}", from.as_deref().unwrap_or("-"))
        }
        Change::CreateView { .. } => "create view".into(),
        Change::ReplaceView { .. } => "replace view".into(),
        Change::DropView => "drop view".into(),
    }
}

/// `table: change, change; table: …`
fn said(live: &Schema, target: &Target) -> String {
    let one = |difference: &Difference| {
        let changes: Vec<String> = difference.changes.iter().map(shown).collect();
        format!("{}: {}", difference.table, changes.join(", "))
    };
    diff(live, target).iter().map(one).collect::<Vec<_>>().join("; ")
}

fn plainly(live: &[(&str, &str)], wanted: &[(&str, &str)]) -> String {
    said(&schema(live), &Target { schema: schema(wanted), ..Target::default() })
}

/// What differs between two versions of one table.
#[test]
fn one_table_against_the_declared_one() {
    for (live, wanted, expected) in [
        ("id int", "id int", ""),
        ("id int, mine text", "id int", ""),
        ("b int, a int", "a int, b int", ""),
        ("ID int | PRIMARY ID", "id int | PRIMARY id", ""),
        ("a int", "n int, a int, m int", "t: add n after -, add m after a"),
        ("a int", "a int!", "t: a int -> int"),
        ("a int | i a", "a int", ""),
        ("a int", "a int | i a", "t: add key i"),
        ("a int | j a", "a int | i a", ""),
        ("a int | j a", "a int | u:i a", "t: add key i"),
        ("a int, b int | i a", "a int, b int | i b", "t: drop key i, add key i"),
        ("a int, b int | i a | j b", "a int, b int | i b", "t: drop key i, add key i"),
        ("a int | I a", "a int | i a", ""),
        ("a int, b int | PRIMARY a", "a int, b int | PRIMARY b", "t: drop key PRIMARY, add key PRIMARY"),
        ("a int", "a int | f a>p.id", "t: add foreign f"),
        ("a int | t_ibfk_1 a>p.id", "a int | f a>p.id", ""),
        ("a int | f a>p.id", "a int | f a>q.id", "t: drop foreign f; t: add foreign f"),
        ("a int, b int | f1 a>p.id | f2 b>p.id", "a int, b int | f1 b>p.id", ""),
        ("a int | c check a > 0", "a int", ""),
        ("a int | CONSTRAINT_1 check a > 0", "a int | c check a > 0", ""),
        ("a int | c check a > 0", "a int | c check a > 1", "t: drop check c, add check c"),
        ("a int | engine = MyISAM | comment = x", "a int | engine = InnoDB", "t: engine MyISAM -> InnoDB"),
        ("a int | engine = MyISAM", "a int", ""),
        ("a int | collation = utf8mb4_bin", "a int | collation = utf8mb4", ""),
        (
            "a int | collation = utf8mb3_bin",
            "a int | collation = utf8mb4",
            "t: collation utf8mb3_bin -> utf8mb4",
        ),
    ] {
        assert_eq!(plainly(&[("t", live)], &[("t", wanted)]), expected, "{live} -> {wanted}");
    }
}

#[test]
fn whole_tables_and_views() {
    let a = ("a", "id int | f b_id>b.id");
    let b = ("b", "id int");
    assert_eq!(plainly(&[a, b], &[]), "");
    assert_eq!(plainly(&[], &[a, b]), "b: create; a: create");
    let circle = ("b", "id int | f a_id>a.id");
    assert_eq!(plainly(&[], &[a, circle]), "a: create; b: create");
    let over = ("v1", "view select 1 from `v2`");
    let under = ("v2", "view select 1 from `b`");
    assert_eq!(plainly(&[], &[over, under, b]), "b: create; v2: create view; v1: create view");
    assert_eq!(plainly(&[("v2", "view select 2"), b], &[under, b]), "v2: replace view");
    assert_eq!(plainly(&[under, b], &[b]), "");
    let bare = ("v", "view select 1 from `a` join `b` where (1)");
    let bracketed = ("v", "view select 1 from (`a` join `b`) where (1)");
    let another = ("v", "view select 1 from (`a` join `c`) where (1)");
    assert_eq!(plainly(&[bare], &[bracketed]), "");
    assert_eq!(plainly(&[bare], &[another]), "v: replace view");
}

fn hinted(live: &[(&str, &str)], wanted: &[(&str, &str)], hints: &str) -> String {
    let mut target = Target { schema: schema(wanted), ..Target::default() };
    for hint in hints.split(", ") {
        let (name, value) = hint.split_once(['<', '-']).unwrap();
        let hints = &mut target.hints;
        match (name.split_once('.'), hint.contains('<')) {
            (None, true) => hints.renamed_tables.entry(name.into()).or_default().push(value.into()),
            (Some((table, column)), true) => {
                let columns = hints.renamed_columns.entry(table.into()).or_default();
                columns.entry(column.into()).or_default().push(value.into());
            }
            (Some((table, column)), false) if value == "key" => {
                _ = hints.dropped_keys.entry(table.into()).or_default().insert(column.into());
            }
            (Some((table, column)), false) => {
                _ = hints.dropped_columns.entry(table.into()).or_default().insert(column.into());
            }
            (None, false) if value == "view" => _ = hints.dropped_views.insert(name.into()),
            (None, false) => _ = hints.dropped_tables.insert(name.into()),
        }
    }
    said(&schema(live), &target)
}

#[test]
fn names_of_the_past_apply_only_where_they_can() {
    for (live, wanted, hints, expected) in [
        (&[("old", "id int")][..], &[("new", "id int")][..], "new<old", "new: was old"),
        (&[("old", "id int"), ("new", "id int")], &[("new", "id int")], "new<old", ""),
        (&[("x", "id int")], &[("new", "id int")], "new<old", "new: create"),
        (&[("older", "id int")], &[("new", "id int")], "new<old, new<older", "new: was older"),
        (&[("old", "id int")], &[("new", "id int"), ("old", "id int")], "new<old", "new: create"),
        (&[("t", "a int | i a")], &[("t", "b int | i b")], "t.b<a", "t: b was a"),
        (&[("t", "a int, b int")], &[("t", "b int")], "t.b<a", ""),
        (&[("t", "a int")], &[("t", "a int, b int")], "t.b<a", "t: add b after a"),
        (
            &[("t", "a int"), ("u", "x int | f x>t.a")],
            &[("t", "b int"), ("u", "x int | f x>t.b")],
            "t.b<a",
            "t: b was a",
        ),
        (&[("old", "a int")], &[("new", "b bigint")], "new<old, new.b<a", "new: was old; new: b was a"),
        (
            &[("old", "a int"), ("u", "x int | f x>old.a")],
            &[("new", "a int"), ("u", "x int | f x>new.a")],
            "new<old",
            "new: was old",
        ),
    ] {
        assert_eq!(hinted(live, wanted, hints), expected, "{live:?} -> {wanted:?}");
    }
}

#[test]
fn only_what_is_named_and_not_declared_goes() {
    for (live, wanted, hints, expected) in [
        (&[("t", "a int"), ("u", "a int")][..], &[("u", "a int")][..], "t-", "t: drop"),
        (&[("u", "a int")], &[("u", "a int")], "u-", ""),
        (&[("u", "a int, b int")], &[("u", "a int")], "u.b-", "u: drop b"),
        (&[("u", "a int, b int")], &[("u", "a int, b int")], "u.b-", ""),
        (&[("u", "a int | i a")], &[("u", "a int")], "u.i-key", "u: drop key i"),
        (&[("u", "a int | j a")], &[("u", "a int | i a")], "u.j-key", "u: drop key j, add key i"),
        (&[("u", "a int | f a>p.id")], &[("u", "a int")], "u.f-key", "u: drop foreign f"),
        (&[("u", "a int | c check a > 0")], &[("u", "a int")], "u.c-key", "u: drop check c"),
        (&[("v", "view select 1")], &[], "v-view", "v: drop view"),
        // What hangs on what goes.
        (&[("u", "a int, b int | i a+b")], &[("u", "a int")], "u.b-", "u: drop key i, drop b"),
        (&[("u", "a int, b int | c check `b` > 0")], &[("u", "a int")], "u.b-", "u: drop check c, drop b"),
        (&[("t", "a int"), ("u", "a int | f a>t.a")], &[], "t-", "u: drop foreign f; t: drop"),
        (&[("b", "a int"), ("a", "a int | f a>b.a")], &[], "a-, b-", "a: drop; b: drop"),
        (&[("a", "a int"), ("b", "a int | f a>a.a")], &[], "a-, b-", "b: drop; a: drop"),
    ] {
        assert_eq!(hinted(live, wanted, hints), expected, "{live:?} -> {wanted:?} ({hints})");
    }
}

#[test]
fn what_the_release_leaves_open_stays_as_it_is() {
    let column = |sql_type: &str, collation: Option<&str>, comment: &str| Column {
        name: "a".into(),
        sql_type: sql_type.into(),
        collation: collation.map(Into::into),
        comment: comment.into(),
        ..Column::default()
    };
    let changes = |from: Column, to: Column| {
        let of = |column: Column| Schema {
            tables: [("t".into(), Table { columns: vec![column], ..Table::default() })].into(),
            ..Schema::default()
        };
        diff(&of(from), &Target { schema: of(to), ..Target::default() })
    };
    let live = column("varchar(60)", Some("latin1_swedish_ci"), "theirs");
    assert_eq!(changes(live.clone(), column("varchar(60)", None, "")), []);
    let wider = column("varchar(99)", Some("latin1_swedish_ci"), "theirs");
    let differences = changes(live.clone(), column("varchar(99)", None, ""));
    assert_eq!(differences[0].changes, [Change::ModifyColumn { from: live.clone(), to: wider }]);
    let number = column("int(11)", None, "theirs");
    let differences = changes(live.clone(), column("int(11)", None, ""));
    assert_eq!(differences[0].changes, [Change::ModifyColumn { from: live.clone(), to: number }]);
    let stated = column("varchar(60)", Some("utf8mb4_bin"), "theirs");
    let differences = changes(live.clone(), column("varchar(60)", Some("utf8mb4_bin"), ""));
    assert_eq!(differences[0].changes, [Change::ModifyColumn { from: live.clone(), to: stated }]);
    assert_eq!(changes(live, column("varchar(60)", Some("latin1"), "")), []);
}
