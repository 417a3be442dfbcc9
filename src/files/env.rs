//! The process environment as a value. In: nothing. Out: [`Env`].

use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::{Files, dotenv};

/// Environment variables, the working folder and the home folder, taken once; a fixed one serves tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Env {
    /// In the order of the process, which is what artifacts and Jinja repeat.
    vars: IndexMap<String, String>,
    working_dir: PathBuf,
}

impl Env {
    /// The environment of this process, as it is now. Variables that are not Unicode are left out.
    pub fn process() -> Self {
        let vars = std::env::vars_os()
            .filter_map(|(k, v)| Some((fold(k.into_string().ok()?), v.into_string().ok()?)))
            .collect();
        Self { vars, working_dir: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")) }
    }

    /// The same with the variables of the nearest `.env` file, looked for from the working folder upwards. What is set wins.
    pub fn with_dotenv(mut self, files: &dyn Files) -> Self {
        let folders = self.working_dir.ancestors().map(|folder| folder.join(dotenv::FILE_NAME));
        let Some(path) = folders.into_iter().find(|path| files.is_file(path)) else { return self };
        let Ok(text) = files.read_text(&path) else { return self };
        for (name, value) in dotenv::parse(&text, &|name| self.var(name).map(str::to_owned)) {
            self.vars.entry(fold(name)).or_insert(value);
        }
        self
    }

    /// A fixed environment.
    pub fn fixed<K: Into<String>, V: Into<String>>(
        working_dir: impl Into<PathBuf>,
        vars: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let vars = vars.into_iter().map(|(k, v)| (fold(k.into()), v.into())).collect();
        Self { vars, working_dir: working_dir.into() }
    }

    /// A variable's value. Names ignore case on Windows, as everywhere there.
    pub fn var(&self, name: &str) -> Option<&str> {
        if cfg!(windows) {
            self.vars.get(&name.to_uppercase()).map(String::as_str)
        } else {
            self.vars.get(name).map(String::as_str)
        }
    }

    /// One of dbt's settings: `DBT_ENGINE_<name>`, else `DBT_<name>`; empty counts as unset.
    pub fn dbt_setting(&self, name: &str) -> Option<&str> {
        [format!("DBT_ENGINE_{name}"), format!("DBT_{name}")]
            .iter()
            .find_map(|full| self.var(full).filter(|v| !v.is_empty()))
    }

    /// All variables, in the order of the process.
    pub fn vars(&self) -> impl Iterator<Item = (&str, &str)> {
        self.vars.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// The working folder.
    pub fn working_dir(&self) -> &Path {
        &self.working_dir
    }

    /// The user's home folder, where it is known.
    pub fn home_dir(&self) -> Option<PathBuf> {
        let home = self.var("HOME").or_else(|| self.var("USERPROFILE"))?;
        (!home.is_empty()).then(|| PathBuf::from(home))
    }

    /// A path with a leading `~` replaced by the home folder, made absolute by the working folder.
    pub fn absolute(&self, path: &Path) -> PathBuf {
        let expanded = match (path.strip_prefix("~"), self.home_dir()) {
            (Ok(rest), Some(home)) => home.join(rest),
            _ => path.to_path_buf(),
        };
        super::normalize(&self.working_dir.join(expanded))
    }
}

/// Makes a folder the working folder of the process: engines resolve relative paths in SQL there. Whether that was possible.
pub fn enter(folder: &Path) -> bool {
    std::env::set_current_dir(folder).is_ok()
}

fn fold(name: String) -> String {
    if cfg!(windows) { name.to_uppercase() } else { name }
}
