//! `docs serve`: shows the site of the target folder.

use std::sync::Arc;

use crate::cli::context::{CommandContext, CommandResult};
use crate::diag::{Diagnostic, codes};
use crate::docs::Server;
use crate::execute::CancelFlag;
use crate::execute::event::Event;

/// Serves until Ctrl-C.
pub fn run(cx: &CommandContext<'_>, cancel: &CancelFlag) -> CommandResult {
    let Some(root) = cx.root() else { return Ok(2) };
    let folder = root.root_dir.join(&root.config.target_path);
    let fail = |problem: Diagnostic| {
        cx.events.emit(&Event::Problem(&problem));
        Ok(2)
    };
    if !cx.files.is_file(&folder.join("index.html")) {
        let message = format!("there is no site in {}", crate::files::slashed(&folder));
        return fail(Diagnostic::error(codes::DOCS_SERVE, message).help("run `transform docs generate` first"));
    }
    let host = cx.settings.text("host").unwrap_or("127.0.0.1");
    let Some(port) = cx.settings.integer("port").and_then(|p| u16::try_from(p).ok()) else {
        return fail(Diagnostic::error(codes::DOCS_SERVE, "--port must be at most 65535"));
    };
    let server = match Server::new(Arc::clone(&cx.files), &folder, host, port) {
        Ok(server) => server,
        Err(error) => {
            let problem = Diagnostic::error(codes::DOCS_SERVE, error.to_string());
            return fail(problem.help("choose another port with --port, or any free one with --port 0"));
        }
    };
    let address = server.address();
    cancel.on_cancel(server.stopper());
    let port = address.map_or(port, |a| a.port());
    let url =
        format!("http://{}:{port}", if address.is_some_and(|a| a.ip().is_loopback()) { "localhost" } else { host });
    cx.say(&format!("Serving the docs of {} at {url}\nPress Ctrl+C to stop.", root.config.name));
    if address.is_some_and(|a| !a.ip().is_loopback()) {
        cx.say("Other machines can read the code of the project there.");
    }
    if cx.settings.bool("browser") {
        open_browser(&url);
    }
    server.run();
    Ok(0)
}

/// Asks the desktop to show an address. Without a desktop the address on the console is enough.
fn open_browser(url: &str) {
    use std::process::{Command, Stdio};
    let (program, before): (&str, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        ("rundll32", &["url.dll,FileProtocolHandler"])
    } else {
        ("xdg-open", &[])
    };
    let null = Stdio::null;
    let started = Command::new(program).args(before).arg(url).stdin(null()).stdout(null()).stderr(null()).spawn();
    if let Ok(mut child) = started {
        std::thread::spawn(move || drop(child.wait()));
    }
}
