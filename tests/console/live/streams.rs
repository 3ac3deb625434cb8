//! Server-sent events: they go on where they were cut off, and are few.

use super::*;

/// Events of a stream, as a browser reads them.
struct Events(BufReader<Response>);

#[derive(Debug)]
struct Event {
    kind: String,
    id: u64,
    data: String,
}

impl Events {
    fn of(who: &Visitor, path: &str, last: Option<u64>) -> Events {
        let mut request = who.request(Method::GET, path);
        if let Some(last) = last {
            request = request.header("last-event-id", last.to_string());
        }
        let response = request.timeout(PATIENCE).send().unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
        Events(BufReader::new(response))
    }

    /// The next event that is one.
    fn next(&mut self) -> Event {
        let mut event = Event { kind: String::new(), id: 0, data: String::new() };
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream ended: {event:?}");
            match line.trim_end_matches('\n').split_once(": ") {
                Some(("event", kind)) => event.kind = kind.into(),
                Some(("id", id)) => event.id = id.parse().unwrap(),
                Some(("data", data)) => event.data.push_str(&format!("{data}\n")),
                None if line == "\n" && !event.kind.is_empty() => return event,
                _ => {}
            }
        }
    }

    fn until(&mut self, wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
        let mut seen = Vec::new();
        loop {
            let event = self.next();
            let is_last = wanted(&event);
            seen.push(event);
            if is_last {
                return seen;
            }
        }
    }
}

#[test]
fn a_stream_goes_on_where_it_was_cut_off() {
    let ground = Ground::new();
    let (_entracte, desk) = halting(&ground, "swap.operation:3");
    let me = desk.visitor();
    let (work, pid) = begun_and_halted(&ground, &me);
    let page = me.get(&work).is(200);
    says(&page, &["http-equiv=\"refresh\"", "step-started", "Stop in good order", "Closed to visitors for"]);

    let path = format!("{work}/events?from=0");
    let mut first = Events::of(&me, &path, None);
    let seen = first.until(|event| event.kind == "now" && event.data.contains("aria-current=\"step\""));
    let lines: Vec<&Event> = seen.iter().filter(|event| event.kind == "log").collect();
    assert!(lines.len() > 2 && lines.windows(2).all(|pair| pair[0].id < pair[1].id), "{lines:#?}");
    let last = lines[1].id;
    drop(first);

    let mut second = Events::of(&me, &path, Some(last));
    let again = second.until(|event| event.kind == "now");
    let texts = |events: &[Event]| -> Vec<String> {
        events.iter().filter(|event| event.kind == "log").map(|event| event.data.clone()).collect()
    };
    assert_eq!(texts(&again), texts(&seen)[2..], "what it had is told again, or something is lost");
    goes_on(pid);
    let rest = second.until(|event| event.kind == "end");
    let finished = rest.iter().rev().find(|event| event.kind == "now").unwrap();
    assert!(!finished.data.contains("step-waiting"), "{}", finished.data);
    says(&ended(&me, &work), &["Done."]);
    // Whoever comes later is told all of it, and the end.
    let mut late = Events::of(&me, &path, None);
    assert!(late.until(|event| event.kind == "end").len() > rest.len());
    ground.is_new("after all");
}

#[test]
fn one_session_has_few_streams() {
    let ground = Ground::new();
    let (_entracte, desk) = halting(&ground, "swap.operation:1");
    let me = desk.visitor();
    let (work, pid) = begun_and_halted(&ground, &me);
    let path = format!("{work}/events?from=0");
    let mut open: Vec<Events> = (0..4).map(|_| Events::of(&me, &path, None)).collect();
    assert_eq!(me.get(&path).is(429).header("retry-after"), "5");
    me.get(RUN).is(200);
    open.pop();
    let since = Instant::now();
    while me.request(Method::GET, &path).send().unwrap().status() == 429 {
        assert!(since.elapsed() < PATIENCE, "a stream that was left is never given back");
        std::thread::sleep(Duration::from_millis(100));
    }
    goes_on(pid);
    ended(&me, &work);
}
