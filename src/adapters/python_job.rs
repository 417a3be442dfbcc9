//! A Python model to run. In: its compiled code. Out: what an engine's [`Connection::run_python`](super::Connection::run_python)
//! needs to know.

/// The code of a Python model with the way back to its file.
#[derive(Clone, Copy, Debug)]
pub struct PythonJob<'a> {
    /// The name that the module gets.
    pub name: &'a str,
    /// The model's file, relative to the project.
    pub file: &'a str,
    /// The line of the file at which the code begins, from 1.
    pub first_line: usize,
    /// How many lines of the code are the file's; what follows was put behind it.
    pub own_lines: usize,
    /// The code: the model's, the functions behind `dbt`, the function that stores the result.
    pub code: &'a str,
}
