//! Reading criteria as the command line writes them: `2+tag:nightly+1`, `@orders`, `a,b c`.
//!
//! In: text. Out: [`SelectionSpec`], or one diagnostic that quotes the offending text.

use crate::diag::{Diagnostic, codes, nearest};

use super::criterion::{Criterion, IndirectSelection, Method, Operator, Reach, SelectionSpec};

/// `--select` minus `--exclude`; without `--select`, everything.
pub(super) fn command_line(
    select: &[String],
    exclude: &[String],
    indirect: IndirectSelection,
) -> Result<SelectionSpec, Box<Diagnostic>> {
    let everything = ["fqn:*".to_owned(), "source:*".to_owned()];
    let included = match select {
        [] => union(&everything, indirect, false)?,
        given => union(given, indirect, true)?,
    };
    let excluded = union(exclude, indirect, true)?;
    Ok(SelectionSpec::group(Operator::Difference, vec![included, excluded]))
}

/// Arguments and spaces mean union, commas intersection. Blank arguments select nothing, as in dbt.
fn union(arguments: &[String], indirect: IndirectSelection, expected: bool) -> Result<SelectionSpec, Box<Diagnostic>> {
    let mut parts = Vec::new();
    for argument in arguments {
        let mut words = argument.split_whitespace().peekable();
        if words.peek().is_none() {
            parts.push(intersection("", indirect, expected)?);
        }
        for word in words {
            parts.push(intersection(word, indirect, expected)?);
        }
    }
    Ok(SelectionSpec::Group { operator: Operator::Union, parts, indirect, expected: None })
}

fn intersection(word: &str, indirect: IndirectSelection, expected: bool) -> Result<SelectionSpec, Box<Diagnostic>> {
    let parts: Result<Vec<_>, _> =
        word.split(',').map(|part| criterion(part, indirect).map(SelectionSpec::Criterion)).collect();
    let expected = expected.then(|| word.to_owned());
    Ok(SelectionSpec::Group { operator: Operator::Intersection, parts: parts?, indirect, expected })
}

/// One criterion: `[@][n+][method:]value[+n]`.
pub(super) fn criterion(raw: &str, indirect: IndirectSelection) -> Result<Criterion, Box<Diagnostic>> {
    let (childrens_parents, rest) = match raw.strip_prefix('@') {
        Some(rest) => (true, rest),
        None => (false, raw),
    };
    let (parents, rest) = leading_reach(rest);
    let (method, rest) = written_method(rest);
    let (children, value) = trailing_reach(rest);
    let (method, arguments) = match method {
        Some(word) => parse_method(word, raw)?,
        None => (default_method(value), Vec::new()),
    };
    let value = value.into();
    let raw = raw.to_owned();
    checked(Criterion { raw, method, arguments, value, childrens_parents, parents, children, indirect })
}

/// Refuses the one combination of operators that has no meaning.
pub(super) fn checked(criterion: Criterion) -> Result<Criterion, Box<Diagnostic>> {
    if criterion.childrens_parents && criterion.children != Reach::None {
        let value = &criterion.value;
        let message = format!("'{}' has both the prefix @ and the suffix +", criterion.raw);
        return Err(Box::new(invalid(message).help(format!(
            "@{value} already includes the children of {value} and all their parents: leave out the +"
        ))));
    }
    Ok(criterion)
}

/// `+` or `2+` at the start.
fn leading_reach(text: &str) -> (Reach, &str) {
    match text.split_once('+') {
        Some((digits, rest)) if digits.bytes().all(|b| b.is_ascii_digit()) => (reach(digits), rest),
        _ => (Reach::None, text),
    }
}

/// `+` or `+2` at the end.
fn trailing_reach(text: &str) -> (Reach, &str) {
    match text.rsplit_once('+') {
        Some((rest, digits)) if digits.bytes().all(|b| b.is_ascii_digit()) => (reach(digits), rest),
        _ => (Reach::None, text),
    }
}

/// More steps than a number can hold are all steps.
fn reach(digits: &str) -> Reach {
    digits.parse().map_or(Reach::All, Reach::Steps)
}

/// Letters, digits, underscores and dots before the first colon.
fn written_method(text: &str) -> (Option<&str>, &str) {
    match text.split_once(':') {
        Some((word, rest))
            if !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.')) =>
        {
            (Some(word), rest)
        }
        _ => (None, text),
    }
}

/// A method with its arguments: `config.meta.owner`.
pub(super) fn parse_method(word: &str, raw: &str) -> Result<(Method, Vec<String>), Box<Diagnostic>> {
    let mut parts = word.split('.');
    let name = parts.next().unwrap_or_default();
    let Some(method) = Method::parse(name) else { return Err(unknown_method(name, raw)) };
    Ok((method, parts.map(str::to_owned).collect()))
}

fn unknown_method(name: &str, raw: &str) -> Box<Diagnostic> {
    let all = Method::ALL.iter().map(|m| m.as_str());
    let near = nearest(name, all.clone());
    let help = match near.as_slice() {
        [] => format!("the methods are {}", all.collect::<Vec<_>>().join(", ")),
        near => format!("did you mean {}?", near.iter().map(|n| format!("{n}:")).collect::<Vec<_>>().join(" or ")),
    };
    Box::new(invalid(format!("'{name}' is not a selection method, in '{raw}'")).help(help))
}

/// Without a method: a path if there is a slash, a file if it ends like one, else a name.
pub(super) fn default_method(value: &str) -> Method {
    let lower = value.to_lowercase();
    if value.contains(['/', std::path::MAIN_SEPARATOR]) {
        Method::Path
    } else if [".sql", ".py", ".csv"].iter().any(|ending| lower.ends_with(ending)) {
        Method::File
    } else {
        Method::Fqn
    }
}

/// A diagnostic about a selection that cannot be read.
pub(super) fn invalid(message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(codes::SELECTION_INVALID, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_operators_and_methods() {
        use Reach::{All, None as No, Steps};
        for (raw, at, parents, method, value, children) in [
            ("orders", false, No, Method::Fqn, "orders", No),
            ("+orders+", false, All, Method::Fqn, "orders", All),
            ("2+orders+13", false, Steps(2), Method::Fqn, "orders", Steps(13)),
            ("0+orders", false, Steps(0), Method::Fqn, "orders", No),
            ("@tag:x", true, No, Method::Tag, "x", No),
            ("@+tag:x", true, All, Method::Tag, "x", No),
            ("a++", false, No, Method::Fqn, "a+", All),
            ("++a", false, All, Method::Fqn, "+a", No),
            ("a+1+2", false, No, Method::Fqn, "a+1", Steps(2)),
            ("+", false, All, Method::Fqn, "", No),
            ("models/a", false, No, Method::Path, "models/a", No),
            ("A.SQL+", false, No, Method::File, "A.SQL", All),
            ("source:raw.x:y", false, No, Method::Source, "raw.x:y", No),
            ("path:a+b.sql", false, No, Method::Path, "a+b.sql", No),
            ("99999999999999999999999+a", false, All, Method::Fqn, "a", No),
        ] {
            let got = criterion(raw, IndirectSelection::Eager).expect(raw);
            let seen = (got.childrens_parents, got.parents, got.method, got.value, got.children);
            assert_eq!(seen, (at, parents, method, value.into(), children), "{raw}");
        }
        let config = criterion("config.meta.a:b", IndirectSelection::Eager).expect("valid");
        assert_eq!((config.method, config.arguments), (Method::Config, vec!["meta".to_owned(), "a".to_owned()]));
    }

    #[test]
    fn explains_what_cannot_be_read() {
        let at = criterion("@orders+", IndirectSelection::Eager).expect_err("conflict");
        assert!(at.message.contains("@orders+"), "{}", at.message);
        let method = criterion("tga:x", IndirectSelection::Eager).expect_err("unknown");
        assert_eq!(method.help.as_deref(), Some("did you mean tag:?"));
        let far = criterion("zzzzzz:x", IndirectSelection::Eager).expect_err("unknown");
        assert!(far.help.is_some_and(|h| h.contains("resource_type")));
    }
}
