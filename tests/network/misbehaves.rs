//! Servers that misbehave, each in its own way: every one is borne with or
//! given up within a bounded time, and never harms what is here.

use std::io;
use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use crate::bench::Bench;
use crate::host::Asked;
use crate::host::Host;
use crate::host::Respond;
use crate::host::Thing;
use crate::host::drip;
use crate::host::endless;
use crate::host::head;
use crate::host::reply;
use crate::support::effort;

/// How staging ends.
enum End {
    /// Staged; so many bytes more or fewer than the archive has came over the network.
    Staged(i64),
    /// The exit code, and what is said.
    Refused(i32, &'static [&'static str]),
}

use End::Refused;
use End::Staged;

/// The misbehaviour, what does it, how it ends, how many requests it takes.
type Row = (&'static str, fn(&Asked, &mut TcpStream, &Thing) -> io::Result<()>, End, usize);

const LONG: Duration = Duration::from_secs(2);

const ROWS: &[Row] = &[
    ("behaves", |asked, stream, thing| thing.send(asked, stream), Staged(0), 1),
    ("cut once", |asked, stream, thing| first(asked, stream, thing, 123_456), Staged(0), 2),
    (
        "cut at the last byte",
        |asked, stream, thing| first(asked, stream, thing, length(thing) - 1),
        Staged(0),
        2,
    ),
    (
        "cut again and again, but further each time",
        |asked, stream, thing| thing.send_up_to(70_000, asked, stream),
        Staged(0),
        9,
    ),
    (
        "cut again and again, only a little further each time",
        |asked, stream, thing| thing.send_up_to(20_000, asked, stream),
        Staged(0),
        31,
    ),
    ("cut before anything", |_, _, _| Ok(()), Refused(1, &["connection to http", "broke after 0 bytes"]), 11),
    (
        "cut at the same place",
        |asked, stream, thing| thing.unmarked().send_up_to(1000, asked, stream),
        Refused(1, &["broke after 1000 bytes of 6"]),
        11,
    ),
    (
        "cut, and unknown afterwards",
        |asked, stream, thing| first(asked, stream, &thing.unmarked(), 5000),
        Staged(5000),
        2,
    ),
    ("never answers", |_, _, _| nothing(), Refused(1, &["nothing came from http", "for 0.6 s"]), 2),
    (
        "stalls once",
        |asked, stream, thing| {
            first(asked, stream, thing, 200_000)?;
            if asked.number == 0 {
                nothing()?
            }
            Ok(())
        },
        Staged(0),
        2,
    ),
    (
        "stalls always",
        |_, stream, thing| {
            stream.write_all(head("200 OK", &announced(thing)).as_bytes())?;
            stream.write_all(b"abc")?;
            nothing()
        },
        Refused(1, &["nothing came", "[network]"]),
        2,
    ),
    (
        "drips",
        |_, stream, thing| {
            stream.write_all(head("200 OK", &announced(thing)).as_bytes())?;
            drip(stream, b"x", Duration::from_millis(100))
        },
        Refused(1, &["sends only", "bytes a second"]),
        2,
    ),
    (
        "drips headers without end",
        |_, stream, _| {
            stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
            drip(stream, b"X-More: more\r\n", Duration::from_millis(50))
        },
        Refused(1, &["nothing came"]),
        2,
    ),
    (
        "headers without end",
        |_, stream, _| {
            stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
            endless(stream, b"X-More: more and more and more and more\r\n")
        },
        Refused(1, &["answer", "cannot be understood"]),
        1,
    ),
    (
        "speaks something else",
        |_, stream, _| stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n"),
        Refused(1, &["answer", "cannot be understood"]),
        1,
    ),
    (
        "announces more than it sends",
        |_, stream, thing| {
            stream.write_all(head("200 OK", "Content-Length: 700000\r\n").as_bytes())?;
            stream.write_all(&thing.bytes)
        },
        Refused(1, &["of 700000"]),
        2,
    ),
    (
        "announces less than it sends",
        |_, stream, thing| {
            stream.write_all(head("200 OK", "Content-Length: 5000\r\n").as_bytes())?;
            stream.write_all(&thing.bytes)
        },
        Refused(1, &["sent is not taken", "fetch the archive again"]),
        1,
    ),
    (
        "announces two lengths",
        |_, stream, thing| reply(stream, "200 OK", "Content-Length: 10\r\n", &thing.bytes),
        Refused(1, &["cannot be understood"]),
        1,
    ),
    (
        "announces what no limit allows",
        |_, stream, _| stream.write_all(head("200 OK", "Content-Length: 1099511627776\r\n").as_bytes()),
        Refused(5, &["is larger than", "`total_bytes`"]),
        1,
    ),
    (
        "sends without end",
        |_, stream, _| {
            stream.write_all(head("200 OK", "Transfer-Encoding: chunked\r\n").as_bytes())?;
            endless(stream, format!("10000\r\n{}\r\n", "x".repeat(0x10000)).as_bytes())
        },
        Refused(5, &["is larger than", "`total_bytes`"]),
        1,
    ),
    (
        "packs what was not to be packed",
        |_, stream, thing| reply(stream, "200 OK", "Content-Encoding: gzip\r\n", &thing.bytes),
        Refused(5, &["packed once more (gzip)"]),
        1,
    ),
    (
        "leads to itself",
        |_, stream, _| leads(stream, "/release.tar"),
        Refused(1, &["leads back to itself"]),
        1,
    ),
    (
        "leads on without end",
        |asked, stream, _| leads(stream, &format!("/{}.tar", asked.number)),
        Refused(1, &["leads on more than 5 times"]),
        6,
    ),
    (
        "leads on to the archive",
        |asked, stream, thing| {
            if asked.target == "/x.tar" { thing.send(asked, stream) } else { leads(stream, "/x.tar") }
        },
        Staged(0),
        2,
    ),
    (
        "leads to where TLS is not",
        |_, stream, _| leads(stream, "http://192.0.2.1/release.tar"),
        Refused(5, &["http://192.0.2.1/release.tar, which is not protected by TLS"]),
        1,
    ),
    (
        "leads to a file of ours",
        |_, stream, _| leads(stream, "file:///etc/passwd"),
        Refused(5, &["file:///etc/passwd, which is not fetched"]),
        1,
    ),
    (
        "leads nowhere",
        |_, stream, _| reply(stream, "302 Found", "", b""),
        Refused(1, &["answers 302 Found"]),
        1,
    ),
    (
        "is busy once",
        |asked, stream, thing| {
            if asked.number == 0 {
                reply(stream, "503 Service Unavailable", "", b"")
            } else {
                thing.send(asked, stream)
            }
        },
        Staged(0),
        2,
    ),
    (
        "is busy, and says for how long",
        |asked, stream, thing| {
            if asked.number == 0 {
                reply(stream, "429 Too Many Requests", "Retry-After: 1\r\n", b"")
            } else {
                thing.send(asked, stream)
            }
        },
        Staged(0),
        2,
    ),
    (
        "is busy for an hour",
        |_, stream, _| reply(stream, "429 Too Many Requests", "Retry-After: 3600\r\n", b""),
        Refused(1, &["429 Too Many Requests", "come back in 3600 s"]),
        1,
    ),
    (
        "is broken",
        |_, stream, _| reply(stream, "500 Internal Server Error", "", b""),
        Refused(1, &["500 Internal Server Error"]),
        2,
    ),
    (
        "has it not",
        |_, stream, _| reply(stream, "404 Not Found", "", b"no"),
        Refused(1, &["404 Not Found", "is the address right?"]),
        1,
    ),
    (
        "keeps programs out",
        |_, stream, _| reply(stream, "403 Forbidden", "", b"prove that you are human"),
        Refused(1, &["403 Forbidden", "keeps programs out", "stage the file"]),
        1,
    ),
    (
        "shows a page instead",
        |_, stream, _| page(stream),
        Refused(1, &["sent is not taken", "it sent a web page"]),
        1,
    ),
    (
        "knows no ranges",
        |asked, stream, thing| {
            if asked.number == 0 {
                thing.send_up_to(5000, asked, stream)
            } else {
                reply(stream, "200 OK", "ETag: \"one\"\r\n", &thing.bytes)
            }
        },
        Staged(5000),
        2,
    ),
    ("sends another range", |asked, stream, thing| wrong_range(asked, stream, thing), Staged(5000), 3),
    (
        "has no more of it",
        |asked, stream, thing| match asked.number {
            0 => thing.send_up_to(5000, asked, stream),
            1 => reply(stream, "416 Range Not Satisfiable", "", b""),
            _ => thing.send(asked, stream),
        },
        Staged(5000),
        3,
    ),
    (
        "changes between",
        |asked, stream, thing| {
            if asked.number == 0 {
                Thing::new(&[b'x'; 90_000]).with_etag("\"old\"").send_up_to(80_000, asked, stream)
            } else {
                thing.send(asked, stream)
            }
        },
        Staged(80_000),
        2,
    ),
];

fn first(asked: &Asked, stream: &mut TcpStream, thing: &Thing, most: usize) -> io::Result<()> {
    if asked.number == 0 { thing.send_up_to(most, asked, stream) } else { thing.send(asked, stream) }
}

fn length(thing: &Thing) -> usize {
    thing.bytes.len()
}

fn announced(thing: &Thing) -> String {
    format!("Content-Length: {}\r\n", length(thing))
}

/// Longer than any patience of these tests.
fn nothing() -> io::Result<()> {
    thread::sleep(LONG);
    Ok(())
}

fn leads(stream: &mut TcpStream, to: &str) -> io::Result<()> {
    reply(stream, "302 Found", &format!("Location: {to}\r\n"), b"")
}

fn page(stream: &mut TcpStream) -> io::Result<()> {
    let text = b"<html>Please log in</html>";
    let headers = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\r\n",
        text.len()
    );
    stream.write_all(headers.as_bytes())?;
    stream.write_all(text)
}

/// What was asked for is not what comes.
fn wrong_range(asked: &Asked, stream: &mut TcpStream, thing: &Thing) -> io::Result<()> {
    if asked.number != 1 {
        return first(asked, stream, thing, 5000);
    }
    let length = length(thing);
    let range = format!("ETag: \"one\"\r\nContent-Range: bytes 4000-{}/{length}\r\n", length - 1);
    reply(stream, "206 Partial Content", &range, &thing.bytes[4000..])
}

#[test]
fn every_misbehaviour_is_borne_with_or_given_up() {
    let bench = Bench::new();
    bench.set("[limits]\ntotal_bytes = 3000000\n");
    let tried = ROWS.iter().filter_map(|row| {
        bench.forget_downloads();
        effort::failure(|| check(&bench, row))
    });
    let failures: Vec<String> = tried.collect();
    assert!(failures.is_empty(), "{} rows: {failures:#?}", failures.len());
    effort::tried("servers that misbehave", ROWS.len() as u64);
}

fn check(bench: &Bench, (name, misbehave, end, requests): &Row) {
    let (thing, misbehave) = (bench.thing.clone(), *misbehave);
    let respond: Respond = Box::new(move |asked, stream| misbehave(asked, stream, &thing));
    let host = Host::serve(respond);
    match end {
        Staged(more) => {
            let result = bench.staged(&host.url());
            let bytes = bench.thing.bytes.len() as i64 + more;
            assert_eq!(result["fetched_bytes"], bytes, "{name}: {result:#}");
            assert_eq!(result["requests"], *requests, "{name}: {result:#}");
            assert_eq!(bench.rests(), [("archive".to_owned(), bench.thing.bytes.len() as u64)], "{name}");
            // What the next rows find staged.
            bench.small.stage(&bench.entracte);
        }
        Refused(code, said) => {
            let staged = bench.staging();
            let told = bench.stage(&host.url()).refused(*code);
            for text in *said {
                assert!(told.contains(text), "{name}: \"{text}\" is not said: {told}");
            }
            assert_eq!(bench.staging(), staged, "{name}: what was staged is not staged any more");
        }
    }
    assert_eq!(host.asked().len(), *requests, "{name}");
    bench.is_untouched(name);
}

/// Only one who has lost nothing is believed to have the rest.
#[test]
fn the_rest_is_asked_for_by_the_word_of_its_version() {
    let bench = Bench::new();
    let thing = bench.thing.clone();
    let host = Host::serve(Box::new(move |asked, stream| first(asked, stream, &thing, 100_000)));
    bench.staged(&host.url());
    let asked = host.asked();
    let headers = |number: usize| {
        ["range", "if-range", "accept-encoding"].map(|name| asked[number].header(name).map(str::to_owned))
    };
    assert_eq!(headers(0), [None, None, Some("identity".to_owned())]);
    assert_eq!(headers(1), ["bytes=100000-", "\"one\"", "identity"].map(|text| Some(text.to_owned())));
    let agent = asked[0].header("user-agent").unwrap();
    assert!(agent.starts_with("entracte/"), "{agent}");
}
