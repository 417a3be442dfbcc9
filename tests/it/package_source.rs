//! Where packages of cases come from: a web server, archives, git repositories.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A web server on this machine; it ends with the process.
pub struct Hub {
    /// `http://127.0.0.1:PORT`.
    pub address: String,
}

impl Hub {
    /// Serves the files of a folder.
    pub fn start(folder: PathBuf) -> Result<Self, String> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
        let address = format!("http://{}", listener.local_addr().map_err(|e| e.to_string())?);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away is its own business.
                let _ = answer(stream, &folder);
            }
        });
        Ok(Self { address })
    }
}

fn answer(stream: TcpStream, folder: &Path) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut header = String::new();
    while reader.read_line(&mut header)? > 2 {
        header.clear();
    }
    let path = request.split(' ').nth(1).unwrap_or("/").trim_start_matches('/');
    let (status, body) = match std::fs::read(folder.join(path)) {
        Ok(body) => ("200 OK", body),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    let mut stream = reader.into_inner();
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
    stream.write_all(&body)
}

/// Packs a folder, under its own name, into a .tar.gz.
pub fn pack(folder: &Path, archive: &Path) -> Result<(), String> {
    let text = |e: std::io::Error| e.to_string();
    std::fs::create_dir_all(archive.parent().unwrap_or(folder)).map_err(text)?;
    let file = std::fs::File::create(archive).map_err(text)?;
    let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(file, flate2::Compression::fast()));
    let name = folder.file_name().ok_or("a folder without a name")?;
    builder.append_dir_all(name, folder).map_err(text)?;
    builder.into_inner().and_then(flate2::write::GzEncoder::finish).map_err(text).map(drop)
}

/// Makes a folder a git repository with one tagged commit.
pub fn commit(folder: &Path, tag: &str) -> Result<(), String> {
    let identity = ["-c", "user.name=case", "-c", "user.email=case@example.com"];
    for line in ["init --quiet --initial-branch main", "add .", "commit --quiet -m files", &format!("tag {tag}")] {
        let done = Command::new("git")
            .args(identity)
            .args(line.split(' '))
            .current_dir(folder)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .map_err(|e| e.to_string())?;
        if !done.status.success() {
            return Err(String::from_utf8_lossy(&done.stderr).into_owned());
        }
    }
    Ok(())
}
