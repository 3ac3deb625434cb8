//! Uploads that are refused, and one without a script.

use super::*;

#[test]
fn uploads_that_are_refused() {
    let bed = Bed::new();
    let long = format!("{}.zip", "x".repeat(250));
    for name in
        ["", "a/b.zip", "../a.zip", "..", ".a.zip", "a\\b.zip", "a\nb.zip", "a\u{202e}.zip", "a.php", &long]
    {
        bed.begin(name, 10, "").is(400);
    }
    for (size, status) in
        [("0", 400), ("-1", 400), ("", 400), ("99999999999999999999", 400), ("9999999999999", 422)]
    {
        bed.post("/update/upload", &[("name", "a.zip"), ("size", size)]).is(status);
    }
    let (id, _) = upload(bed.begin("a.zip", 10, "1"));
    let path = format!("{SITE}/update/upload/{id}");
    for offset in ["-1", "", "99999999999999999999", "1e3"] {
        bed.desk.put(&path, b"xx".to_vec(), &[("upload-offset", offset)]).is(400);
    }
    for offset in [1, 10, u64::MAX] {
        assert_eq!(bed.put(&id, offset, b"xx").is(409).json()["offset"], 0, "{offset}");
    }
    bed.put(&id, 0, b"eleven bytes").is(400);
    assert_eq!(bed.get(&format!("/update/upload/{id}")).json()["offset"], 0);
    assert_eq!(bed.post(&format!("/update/upload/{id}/finish"), &[]).is(409).json()["offset"], 0);
    for id in ["0", "..%2f..%2fetc", &"0".repeat(32)] {
        bed.get(&format!("/update/upload/{id}")).is(404);
        bed.put(id, 0, b"x").is(404);
    }
    // Two of one name: the second to finish is told.
    let (other, _) = upload(bed.begin("a.zip", 2, "2"));
    bed.put(&other, 0, b"PK").is(200);
    bed.put(&id, 0, b"0123456789").is(200);
    bed.post(&format!("/update/upload/{other}/finish"), &[]).is(200);
    bed.post(&format!("/update/upload/{id}/finish"), &[]).is(422);
    bed.begin("a.zip", 3, "3").is(422);
    bed.post(&format!("/update/upload/{id}/cancel"), &[]).is(303);
    let shown: Vec<String> = bed.inbox().into_iter().filter(|name| !name.starts_with('.')).collect();
    assert_eq!(shown, ["a.zip"]);
    for name in ["../entracte.toml", ".", "..", "", &bed.inbox()[0]] {
        bed.post("/update/inbox/delete", &[("name", name)]).is(409);
    }
    bed.post("/update/inbox/delete", &[("name", "a.zip")]).is(303);
    assert!(bed.inbox().iter().all(|name| name.starts_with('.')));
}

#[test]
fn a_full_disk_is_told() {
    let mut bed = Bed::new();
    let faulty = Entracte::with_fault(&bed.small.root(), "upload.write:2=enospc");
    bed.desk = Desk::open_with(&faulty, &[]);
    let body = vec![1; 300_000];
    let (id, _) = upload(bed.begin("a.zip", body.len(), ""));
    assert_eq!(bed.put(&id, 0, &body).is(507).header("connection"), "close", "the rest is not heard");
    let (_, offset) = upload(bed.get(&format!("/update/upload/{id}")));
    assert!(offset > 0 && offset < 300_000, "what was written stays: {offset}");
    assert_eq!(upload(bed.put(&id, offset, &body[offset as usize..])).1, 300_000);
}

fn form(token: &str, name: &str, content: &[u8]) -> Vec<u8> {
    let head = format!(
        "--B\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\n{token}\r\n\
         --B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
         Content-Type: application/x-tar\r\n\r\n"
    );
    [head.as_bytes(), content, b"\r\n--B--\r\n"].concat()
}

#[test]
fn a_form_without_a_script_brings_an_archive() {
    let bed = Bed::new();
    let archive = bed.archive("small-2.tar", 0);
    let send = |body: Vec<u8>, kind: &str| {
        let request = bed.desk.request(Method::POST, &format!("{SITE}/update/file"));
        Answer::of(request.header("content-type", kind).body(body).send().unwrap())
    };
    let kind = "multipart/form-data; boundary=B";
    let token = bed.desk.token.clone();
    send(form("wrong", "small-2.tar", &archive), kind).is(403);
    send(form("", "small-2.tar", &archive), kind).is(403);
    let whole = form(&token, "small-2.tar", &archive);
    let after_token = whole.windows(5).rposition(|window| window == b"--B\r\n").unwrap();
    send(whole[after_token..].to_vec(), kind).is(403);
    send(whole.clone(), "multipart/form-data").is(400);
    send(whole.clone(), "application/x-www-form-urlencoded").is(400);
    send(form(&token, "../x.tar", &archive), kind).is(400);
    send(form(&token, "", b""), kind).is(400);
    let cut = &whole[..whole.len() - 9];
    assert!(send(cut.to_vec(), kind).status >= 400);
    assert_eq!(bed.inbox(), [""; 0], "nothing of all that stays");
    let sent = send(whole, kind).is(303);
    assert_eq!(sent.header("location"), format!("{SITE}/update/source?arrived=small-2.tar"));
    assert_eq!(fs::read(bed.state().join("inbox/small-2.tar")).unwrap(), archive);
    send(form(&token, "small-2.tar", &archive), kind).is(409);
    let staged = bed.work("/update/stage", &[("from", "inbox"), ("name", "small-2.tar")]);
    assert_eq!(staged["exit"], 0, "{staged:#}");
}
