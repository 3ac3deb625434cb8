//! The real console on a site, and a browser's manners without a browser.

#![allow(dead_code, reason = "each test file uses its part")]

use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::process::Child;
use std::process::ChildStdout;
use std::process::Stdio;
use std::thread;

use reqwest::Method;
use reqwest::blocking::Client;
use reqwest::blocking::RequestBuilder;
use reqwest::blocking::Response;
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use serde_json::Value;

use super::support::run::Entracte;

/// A console at work with one person signed in. Ends with its owner.
pub struct Desk {
    /// `http://127.0.0.1:PORT`
    pub origin: String,
    /// `name=value`
    pub cookie: String,
    /// What every form carries as `token`, and every stream in `x-entracte-token`.
    pub token: String,
    console: Console,
    client: Client,
}

/// What was answered; nothing is followed.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

/// The program itself.
pub struct Console {
    child: Child,
    /// The first line that it said: the link that lets one person in.
    pub link: String,
    _home: Option<Entracte>,
}

impl Desk {
    /// The console of one site, with its operator signed in by the link.
    pub fn open(site: &Path) -> Desk {
        let entracte = Entracte::new(site);
        let mut console = Console::start(&entracte, &[]);
        console._home = Some(entracte);
        Desk::enter(console)
    }

    /// With the program's home folder, and with more on its command line.
    pub fn open_with(entracte: &Entracte, arguments: &[&str]) -> Desk {
        Desk::enter(Console::start(entracte, arguments))
    }

    fn enter(console: Console) -> Desk {
        let origin = console.origin();
        let mut desk =
            Desk { origin, cookie: String::new(), token: String::new(), console, client: client() };
        let path = desk.console.link[desk.origin.len()..].to_owned();
        let entered = desk.post(&path, &[]).is(303);
        desk.take_session(&entered);
        desk
    }

    /// Signs somebody else in by a link of the same console, in another browser.
    pub fn another(&self, path: &str) -> Visitor {
        let mut visitor = Visitor { origin: self.origin.clone(), client: client(), ..Visitor::default() };
        let entered = visitor.post(path, &[]).is(303);
        visitor.take_session(&entered);
        visitor
    }

    pub fn visitor(&self) -> Visitor {
        Visitor {
            origin: self.origin.clone(),
            cookie: self.cookie.clone(),
            token: self.token.clone(),
            client: self.client.clone(),
        }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.visitor().get(path)
    }

    /// A form of one of the console's pages, with its token.
    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.visitor().post(path, fields)
    }

    /// A stream, as the upload's script sends it.
    pub fn put(&self, path: &str, body: Vec<u8>, headers: &[(&str, &str)]) -> Answer {
        self.visitor().put(path, body, headers)
    }

    /// Anything else: signed in, from the console's own pages, not sent yet.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.visitor().request(method, path)
    }

    pub fn pid(&self) -> u32 {
        self.console.child.id()
    }

    /// Of the link that was used.
    pub fn link_path(&self) -> String {
        self.console.link[self.origin.len()..].to_owned()
    }

    pub fn host(&self) -> &str {
        self.origin.split_once("://").unwrap().1
    }

    fn take_session(&mut self, entered: &Answer) {
        let mut visitor = self.visitor();
        visitor.take_session(entered);
        (self.cookie, self.token) = (visitor.cookie, visitor.token);
    }
}

/// One browser at a console's pages.
#[derive(Clone, Debug, Default)]
pub struct Visitor {
    pub origin: String,
    pub cookie: String,
    pub token: String,
    pub client: Client,
}

impl Visitor {
    /// Somebody whom the console does not know.
    pub fn stranger(origin: &str) -> Visitor {
        Visitor { origin: origin.into(), client: client(), ..Visitor::default() }
    }

    pub fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path).send().unwrap())
    }

    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields).append_pair("token", &self.token);
        let request = self.request(Method::POST, path);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        Answer::of(request.body(form.finish()).send().unwrap())
    }

    pub fn put(&self, path: &str, body: Vec<u8>, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.request(Method::PUT, path).header("x-entracte-token", &self.token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.body(body).send().unwrap())
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let is_change = method != Method::GET && method != Method::HEAD;
        let mut request = self.client.request(method, format!("{}{path}", self.origin));
        if !self.cookie.is_empty() {
            request = request.header("cookie", &self.cookie);
        }
        if is_change {
            request = request.header("origin", &self.origin).header("sec-fetch-site", "same-origin");
        }
        request
    }

    /// Keeps the cookie that let this browser in, and the token of its forms.
    pub fn take_session(&mut self, entered: &Answer) {
        self.cookie = entered.header("set-cookie").split(';').next().unwrap().to_owned();
        // Of several sites there is a list, of one there is no page to look at here.
        let mut page = self.get("/");
        if page.status == 303 {
            page = self.get(page.header("location"));
        }
        self.token = page.field("token").unwrap_or_else(|| panic!("a page without a token: {page:?}"));
    }
}

impl Answer {
    pub fn of(response: Response) -> Answer {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, text: String::from_utf8_lossy(&response.bytes().unwrap()).into_owned() }
    }

    #[track_caller]
    pub fn is(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{:#?}\n{}", self.headers, self.text);
        self
    }

    /// Empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The value of the first input of that name.
    pub fn field(&self, name: &str) -> Option<String> {
        let (_, after) = self.text.split_once(&format!("name=\"{name}\" value=\""))?;
        Some(after.split('"').next()?.to_owned())
    }
}

impl Console {
    /// `entracte console` with these arguments more; waits until it says the link.
    pub fn start(entracte: &Entracte, arguments: &[&str]) -> Console {
        let mut command = entracte.command(&[&["console"], arguments].concat());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut link = String::new();
        said.read_line(&mut link).unwrap();
        assert!(link.contains("/enter/"), "the console says {link:?}");
        thread::spawn(move || drain(said));
        Console { child, link: link.trim_end().to_owned(), _home: None }
    }

    /// `http://127.0.0.1:PORT`
    pub fn origin(&self) -> String {
        self.link.split_once("/enter/").unwrap().0.to_owned()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whoever writes is never stopped by a full pipe.
fn drain(said: BufReader<ChildStdout>) {
    for line in said.lines() {
        let Ok(_) = line else { return };
    }
}

fn client() -> Client {
    Client::builder().redirect(Policy::none()).no_proxy().danger_accept_invalid_certs(true).build().unwrap()
}
