//! A small web server for the files of one folder, for looking at the site on this machine.
//!
//! In: a folder, an address. Out: answers to GET and HEAD, until somebody stops it. It reads nothing outside the folder,
//! links included, and while it listens on a loopback address it answers only those who ask for one: another site's page
//! cannot read it under a name of its own.

use std::io::{BufRead, BufReader, Read as _, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::files::{Files, slashed};

/// The longest request that is read.
const LONGEST_REQUEST: u64 = 16 * 1024;
/// How long a client may keep a thread waiting.
const PATIENCE: Duration = Duration::from_secs(10);

/// The server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is no address, or not free.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// Host and port.
        address: String,
        /// Why.
        cause: std::io::Error,
    },
    /// The folder is not there.
    #[error("there is nothing to serve: {0}")]
    Folder(#[from] crate::files::FilesError),
}

/// A server that listens.
pub struct Server {
    listener: TcpListener,
    site: Arc<Site>,
    stop: Arc<AtomicBool>,
}

struct Site {
    files: Arc<dyn Files>,
    root: PathBuf,
    loopback: bool,
}

impl Server {
    /// Listens on an address; port 0 for any that is free.
    pub fn new(files: Arc<dyn Files>, folder: &Path, host: &str, port: u16) -> Result<Self, ServeError> {
        let root = files.canonical(folder)?;
        let refused = |cause| ServeError::Listen { address: format!("{host}:{port}"), cause };
        let addresses: Vec<SocketAddr> =
            (host.trim_matches(['[', ']']), port).to_socket_addrs().map_err(refused)?.collect();
        let listener = TcpListener::bind(&addresses[..]).map_err(refused)?;
        let loopback = listener.local_addr().is_ok_and(|a| a.ip().is_loopback());
        let site = Arc::new(Site { files, root, loopback });
        Ok(Self { listener, site, stop: Arc::default() })
    }

    /// Where it listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// What ends [`Server::run`]; from any thread.
    pub fn stopper(&self) -> impl Fn() + Send + Sync + 'static {
        let (stop, address) = (Arc::clone(&self.stop), self.address());
        move || {
            stop.store(true, Ordering::SeqCst);
            // A visit of one's own wakes the server up.
            let _ = address.map(TcpStream::connect);
        }
    }

    /// Answers until it is stopped.
    pub fn run(&self) {
        for visitor in self.listener.incoming() {
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            let Ok(visitor) = visitor else { continue };
            let site = Arc::clone(&self.site);
            // A visitor who leaves early is nobody's problem.
            std::thread::spawn(move || drop(site.receive(&visitor)));
        }
    }
}

struct Answer {
    status: &'static str,
    kind: &'static str,
    body: Vec<u8>,
}

impl Site {
    fn receive(&self, visitor: &TcpStream) -> std::io::Result<()> {
        visitor.set_read_timeout(Some(PATIENCE))?;
        visitor.set_write_timeout(Some(PATIENCE))?;
        let mut lines = BufReader::new(visitor.take(LONGEST_REQUEST)).lines();
        let request = lines.next().transpose()?.unwrap_or_default();
        let mut host = None;
        for line in lines {
            let line = line?;
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("host")
            {
                host = Some(value.trim().to_owned());
            }
        }
        let answer = self.answer(&request, host.as_deref());
        let mut out = format!(
            "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-cache\r\n\
             X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
            answer.status,
            answer.kind,
            answer.body.len()
        )
        .into_bytes();
        if !request.starts_with("HEAD ") {
            out.extend(answer.body);
        }
        let mut visitor = visitor;
        visitor.write_all(&out)
    }

    fn answer(&self, request: &str, host: Option<&str>) -> Answer {
        let refuse = |status: &'static str| Answer {
            status,
            kind: "text/plain; charset=utf-8",
            body: format!("{status}\n").into_bytes(),
        };
        let mut words = request.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if !words.next().is_some_and(|version| version.starts_with("HTTP/1.")) {
            return refuse("400 Bad Request");
        }
        if !matches!(method, "GET" | "HEAD") {
            return refuse("405 Method Not Allowed");
        }
        if self.loopback && !host.is_some_and(is_loopback) {
            return refuse("403 Forbidden");
        }
        let Some(path) = relative(target) else { return refuse("400 Bad Request") };
        let found = self.files.canonical(&self.root.join(&path)).ok();
        let Some(file) = found.filter(|f| f.starts_with(&self.root) && self.files.is_file(f)) else {
            return refuse("404 Not Found");
        };
        match self.files.read(&file) {
            Ok(body) => Answer { status: "200 OK", kind: media_type(&file), body },
            Err(_) => refuse("404 Not Found"),
        }
    }
}

/// Whether a Host header names this machine as one speaks to oneself.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_matches(['[', ']']);
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The path inside the folder that an address means; none for one that leads out, or that cannot be read.
fn relative(target: &str) -> Option<PathBuf> {
    let path = target.split(['?', '#']).next()?.strip_prefix('/')?;
    let path = decoded(path)?;
    if path.contains(['\\', '\0', ':']) || path.split('/').any(|part| part == ".." || part == ".") {
        return None;
    }
    let path = path.trim_start_matches('/');
    Some(if path.is_empty() { "index.html".into() } else { path.into() })
}

/// Text without percent signs.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?].map(char::from).map(|d| d.to_digit(16));
            let [Some(high), Some(low)] = digits else { return None };
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn media_type(file: &Path) -> &'static str {
    match slashed(file).rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "sql" | "txt" | "md" | "log" | "yml" | "yaml" | "csv" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::RealFiles;

    fn ask(address: SocketAddr, request: &str) -> String {
        let mut visit = TcpStream::connect(address).unwrap();
        visit.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        visit.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn serves_the_folder_and_nothing_else_until_it_is_stopped() {
        let dir = tempfile::tempdir().unwrap();
        let files: Arc<dyn Files> = Arc::new(RealFiles);
        let folder = dir.path().join("target");
        files.write_atomic(&folder.join("index.html"), b"<p>hi").unwrap();
        files.write_atomic(&folder.join("a b.txt"), b"text").unwrap();
        files.write_atomic(&dir.path().join("private/secret.txt"), b"secret").unwrap();
        files.link_dir(&dir.path().join("private"), &folder.join("linked")).unwrap();
        let server = Server::new(files, &folder, "127.0.0.1", 0).unwrap();
        let (address, stop) = (server.address().unwrap(), server.stopper());
        let running = std::thread::spawn(move || server.run());
        let get = |path: &str| ask(address, &format!("GET {path} HTTP/1.1\r\nHost: localhost:8080\r\n\r\n"));
        assert!(get("/").starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/html"));
        assert!(get("/?x=1").ends_with("\r\n\r\n<p>hi"));
        assert!(get("/a%20b.txt").ends_with("\r\n\r\ntext"));
        for path in
            ["/../private/secret.txt", "/%2e%2e/private/secret.txt", "/linked/secret.txt", "/..%2fprivate/secret.txt"]
        {
            let answer = get(path);
            assert!(answer.starts_with("HTTP/1.1 4") && !answer.ends_with("secret"), "{path}: {answer}");
        }
        for (path, status) in [("/none", "404"), ("/%zz", "400"), ("/c:\\x", "400"), ("/linked", "404")] {
            assert!(get(path).starts_with(&format!("HTTP/1.1 {status}")), "{path}");
        }
        assert!(ask(address, "HEAD / HTTP/1.1\r\nHost: [::1]:1\r\n\r\n").ends_with("\r\n\r\n"));
        assert!(ask(address, "POST / HTTP/1.1\r\nHost: localhost\r\n\r\n").starts_with("HTTP/1.1 405"));
        assert!(ask(address, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n").starts_with("HTTP/1.1 403"));
        stop();
        running.join().unwrap();
    }
}
