//! The pages of the site as files: the frame, scripts with data, and the whole as one file.
//!
//! In: data as JSON texts. Out: texts of files. Nothing of the data becomes markup: it is either inside a string of a
//! script, or inside a block of JSON in which `<` is escaped. The pages carry a policy that lets the browser load nothing
//! but the files of the site.

use sha2::{Digest, Sha256};

const FRAME: &str = include_str!("assets/index.html");
const STYLE: &str = include_str!("assets/style.css");
/// The program in reading order.
const PROGRAM: &[&str] = &[
    include_str!("assets/base.js"),
    include_str!("assets/model.js"),
    include_str!("assets/text.js"),
    include_str!("assets/select.js"),
    include_str!("assets/search.js"),
    include_str!("assets/tree.js"),
    include_str!("assets/node.js"),
    include_str!("assets/graph.js"),
    include_str!("assets/app.js"),
];

/// The folder of the site's own files, beside `index.html`.
pub const FOLDER: &str = "site";
/// The file with the last verdicts.
pub const RESULTS_FILE: &str = "site/results.js";

/// A file of the site: path from the folder of `index.html`, text.
pub type SiteFile = (String, String);

/// What the site shows, as JSON texts.
pub struct SiteData {
    /// The title of the page.
    pub title: String,
    /// Everything but code and verdicts.
    pub data: String,
    /// The last verdicts.
    pub results: String,
    /// Code of nodes, in parts that are loaded when they are needed.
    pub code: Vec<String>,
}

impl SiteData {
    /// The site as a folder.
    pub fn files(&self) -> Vec<SiteFile> {
        let program = PROGRAM.join("\n");
        let (data, results) = (script("data", &self.data), script("results", &self.results));
        let mut files = Vec::new();
        let mut head = String::new();
        let mut add = |name: &str, text: String, files: &mut Vec<SiteFile>| {
            // The mark makes browsers load a file anew when it has changed.
            let address = format!("{FOLDER}/{name}?{}", &hex(&text)[..12]);
            if name.ends_with(".css") {
                head.push_str(&format!("<link rel=\"stylesheet\" href=\"{address}\">\n"));
            } else {
                head.push_str(&format!("<script defer src=\"{address}\"></script>\n"));
            }
            files.push((format!("{FOLDER}/{name}"), text));
        };
        add("style.css", STYLE.to_owned(), &mut files);
        add("app.js", program, &mut files);
        add("data.js", data, &mut files);
        add("results.js", results, &mut files);
        for (number, code) in self.code.iter().enumerate() {
            files.push((format!("{FOLDER}/code-{number}.js"), script(&format!("code-{number}"), code)));
        }
        let policy = "default-src 'none'; script-src 'self' file:; style-src 'self' file:; img-src 'self' file: data:; \
                      base-uri 'none'; form-action 'none'";
        files.push(("index.html".to_owned(), self.frame(policy, &head, "")));
        files
    }

    /// The site as one file.
    pub fn single_file(&self) -> String {
        let program = PROGRAM.join("\n");
        let policy = format!(
            "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; img-src data:; base-uri 'none'; \
             form-action 'none'",
            base64(&Sha256::digest(program.as_bytes())),
            base64(&Sha256::digest(STYLE.as_bytes()))
        );
        let head = format!("<style>{STYLE}</style>\n");
        let mut body = String::new();
        let parts = [("data".to_owned(), &self.data), ("results".to_owned(), &self.results)];
        let code = self.code.iter().enumerate().map(|(number, code)| (format!("code-{number}"), code));
        for (name, json) in parts.into_iter().chain(code) {
            body.push_str(&format!(
                "<script type=\"application/json\" id=\"part-{name}\">{}</script>\n",
                json.replace('<', "\\u003c")
            ));
        }
        body.push_str(&format!("<script>{program}</script>\n"));
        self.frame(&policy, &head, &body)
    }

    fn frame(&self, policy: &str, head: &str, body: &str) -> String {
        // The longest insertion comes last, so that nothing is looked for inside it.
        FRAME
            .replace("{{policy}}", policy)
            .replace("{{title}}", &escaped(&self.title))
            .replace("{{head}}\n", head)
            .replacen("{{body}}\n", body, 1)
    }
}

/// A script that hands a JSON text over under a name.
pub fn script(name: &str, json: &str) -> String {
    format!("TRANSFORM.part('{name}','{}')\n", json.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// The JSON text in a script made by [`script`].
pub fn script_payload(script: &str) -> Option<String> {
    let (_, rest) = script.split_once("','")?;
    let quoted = rest.trim_end().strip_suffix("')")?;
    let mut text = String::with_capacity(quoted.len());
    let mut letters = quoted.chars();
    while let Some(letter) = letters.next() {
        text.push(if letter == '\\' { letters.next()? } else { letter });
    }
    Some(text)
}

/// Text for HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn hex(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Base 64 with padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let wide = chunk.iter().fold(0u32, |all, byte| all << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = LETTERS[(wide >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hostile() -> SiteData {
        let json = r#"{"d":"</script><script>alert('1')</script>\\ {{body}} \u2028 <!-- ' \" "}"#.to_owned();
        SiteData {
            title: "</title><script>alert(1)</script>".to_owned(),
            data: json.clone(),
            results: "{}".to_owned(),
            code: vec![json],
        }
    }

    #[test]
    fn base64_is_that_of_the_standard() {
        for (text, want) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(base64(text.as_bytes()), want);
        }
    }

    #[test]
    fn data_never_becomes_markup() {
        let site = hostile();
        for (path, text) in site.files() {
            if path == "index.html" {
                assert!(text.contains("&lt;/title&gt;") && !text.contains("<script>"), "{text}");
            }
        }
        let whole = site.single_file();
        assert_eq!(whole.matches("<script").count(), 4, "three parts and the program");
        assert_eq!(whole.matches("alert('1')</script>").count(), 0);
    }

    #[test]
    fn a_script_hands_over_the_same_text() {
        let site = hostile();
        assert_eq!(script_payload(&script("data", &site.data)), Some(site.data));
    }
}
