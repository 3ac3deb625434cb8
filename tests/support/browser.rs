//! A real browser without a window, spoken to through its debugging pipe.

use std::fs::File;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

use super::process;

const PROGRAMS: [&str; 4] = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];
const LIMIT: Duration = Duration::from_secs(60);

/// One page. Ends with its owner.
pub struct Browser {
    process: u32,
    orders: File,
    answers: mpsc::Receiver<Value>,
    page: String,
    session: Option<String>,
    number: u64,
    /// Errors, refusals by the page's policy, and whatever was written to the console.
    pub complaints: Vec<String>,
    events: Vec<Value>,
    _folder: TempDir,
}

impl Browser {
    pub fn start() -> Browser {
        let is_there = |name: &&&str| Path::new("/usr/bin").join(name).exists();
        let program =
            PROGRAMS.iter().find(is_there).expect("no browser: apt-get install chromium-headless-shell");
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        process::run("mkfifo", &[&at("orders"), &at("answers")]);
        let profile = format!("--user-data-dir={}", at("profile"));
        let script = "exec \"$@\" 3<\"$ORDERS\" 4>\"$ANSWERS\"";
        let (orders, answers) = (format!("ORDERS={}", at("orders")), format!("ANSWERS={}", at("answers")));
        let options = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--remote-debugging-pipe",
        ];
        let argv = [
            &["env", &orders, &answers, "sh", "-c", script, "sh", program][..],
            &options,
            &[&profile, "about:blank"],
        ]
        .concat();
        let process = process::start(&argv, None, "KILL", &folder.path().join("log"));
        // Each end waits for the other.
        let orders = File::options().write(true).open(at("orders")).unwrap();
        let answers = File::open(at("answers")).unwrap();
        let mut browser = Browser {
            process,
            orders,
            answers: listen(answers),
            page: String::new(),
            session: None,
            number: 0,
            complaints: Vec::new(),
            events: Vec::new(),
            _folder: folder,
        };
        browser.turn_to_new_page();
        browser
    }

    /// Closes the page in the middle of whatever it does, and begins with an empty one.
    pub fn close_page(&mut self) {
        let closed = json!({"targetId": self.page});
        self.call("Target.closeTarget", closed);
        self.turn_to_new_page();
    }

    fn turn_to_new_page(&mut self) {
        self.session = None;
        let page = self.call("Target.createTarget", json!({"url": "about:blank"}));
        self.page = page["targetId"].as_str().unwrap().to_owned();
        let attached = self.call("Target.attachToTarget", json!({"targetId": self.page, "flatten": true}));
        self.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        for part in ["Page.enable", "Runtime.enable", "Log.enable"] {
            self.call(part, json!({}));
        }
    }

    /// Opens a file and waits until all of it is there.
    pub fn open(&mut self, path: &Path) {
        self.call("Page.navigate", json!({"url": format!("file://{}", path.to_str().unwrap())}));
        self.wait_for("Page.loadEventFired");
    }

    /// Opens an address and waits until all of it is there.
    pub fn visit(&mut self, url: &str) {
        self.call("Page.navigate", json!({"url": url}));
        self.wait_until("document.readyState === 'complete' && location.protocol !== 'about:'");
    }

    /// Chooses a file in a form, as a person does.
    pub fn choose(&mut self, selector: &str, file: &Path) {
        let input = json!({"expression": format!("document.querySelector({selector:?})")});
        let input = self.call("Runtime.evaluate", input)["result"]["objectId"].clone();
        self.call("DOM.setFileInputFiles", json!({"files": [file.to_str().unwrap()], "objectId": input}));
    }

    /// Waits until an expression is true, over pages that come and go.
    pub fn wait_until(&mut self, expression: &str) {
        for _ in 0..LIMIT.as_millis() / 50 {
            let asked = json!({"expression": expression, "returnByValue": true});
            if self.attempt("Runtime.evaluate", asked).is_ok_and(|said| said["result"]["value"] == true) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let page = self.ask("location.href + '\\n' + document.body.innerText");
        panic!("it never comes that {expression}: {}", page.as_str().unwrap_or_default());
    }

    /// What an expression is worth in the page.
    pub fn ask(&mut self, expression: &str) -> Value {
        let said = self.call(
            "Runtime.evaluate",
            json!({"expression": expression, "returnByValue": true, "awaitPromise": true}),
        );
        assert!(said.get("exceptionDetails").is_none(), "{expression}: {said}");
        said["result"]["value"].clone()
    }

    pub fn click(&mut self, selector: &str) {
        let place = self.middle_of(selector);
        for kind in ["mousePressed", "mouseReleased"] {
            let event =
                json!({"type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", event);
        }
    }

    /// Drags a file from outside over something, as a person does, and lets it fall there if told to.
    pub fn drag(&mut self, selector: &str, file: &Path, falls: bool) {
        let place = self.middle_of(selector);
        let data = json!({"items": [], "files": [file.to_str().unwrap()], "dragOperationsMask": 1});
        for kind in &["dragEnter", "dragOver", "drop"][..if falls { 3 } else { 2 }] {
            let event = json!({"type": kind, "x": place[0], "y": place[1], "data": data});
            self.call("Input.dispatchDragEvent", event);
        }
    }

    fn middle_of(&mut self, selector: &str) -> Value {
        self.ask(&format!(
            "(() => {{ const e = document.querySelector({selector:?}); e.scrollIntoView(); const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2] }})()"
        ))
    }

    /// Types into what is focused.
    pub fn write(&mut self, text: &str) {
        self.call("Input.insertText", json!({"text": text}));
    }

    pub fn resize(&mut self, width: u32, height: u32, scheme: &str) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size);
        let wish = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call("Emulation.setEmulatedMedia", wish);
    }

    /// A picture of what is seen, as base64 of a PNG.
    pub fn picture(&mut self) -> String {
        self.call("Page.captureScreenshot", json!({}))["data"].as_str().unwrap().to_owned()
    }

    fn call(&mut self, method: &str, params: Value) -> Value {
        self.attempt(method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    fn attempt(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        self.number += 1;
        let mut order = json!({"id": self.number, "method": method, "params": params});
        if let Some(session) = &self.session {
            order["sessionId"] = json!(session);
        }
        self.orders.write_all(format!("{order}\0").as_bytes()).unwrap();
        loop {
            let said = self.next(method);
            if said["id"] == self.number {
                return match said.get("error") {
                    Some(error) => Err(error.clone()),
                    None => Ok(said["result"].clone()),
                };
            }
            self.note(said);
        }
    }

    fn wait_for(&mut self, event: &str) {
        while !self.events.iter().any(|said| said["method"] == event) {
            let said = self.next(event);
            self.note(said);
        }
        self.events.clear();
    }

    fn next(&self, what: &str) -> Value {
        self.answers.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("the browser says nothing to {what}"))
    }

    fn note(&mut self, said: Value) {
        if ["Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled"]
            .iter()
            .any(|kind| said["method"] == *kind)
        {
            self.complaints.push(said["params"].to_string());
        }
        self.events.push(said);
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its helpers go with the group.
        process::run("kill", &["-KILL", "--", &format!("-{}", self.process)]);
    }
}

/// Messages end with a zero byte.
fn listen(mut answers: File) -> mpsc::Receiver<Value> {
    let (said, heard) = mpsc::channel();
    std::thread::spawn(move || {
        let mut pending = Vec::new();
        let mut buffer = vec![0; 1 << 16];
        while let Ok(count @ 1..) = answers.read(&mut buffer) {
            pending.extend_from_slice(&buffer[..count]);
            while let Some(at) = pending.iter().position(|byte| *byte == 0) {
                let message: Vec<u8> = pending.drain(..=at).collect();
                let message = serde_json::from_slice(&message[..at]).expect("the browser speaks JSON");
                if said.send(message).is_err() {
                    return;
                }
            }
        }
    });
    heard
}
