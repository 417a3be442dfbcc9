//! The comment that every statement carries. In: `query-comment` of the project. Out: a maker of comments by node.

use std::sync::Arc;

use crate::base::{Dict, Value};
use crate::diag::{Diagnostic, codes};
use crate::execute::QueryComment as Maker;
use crate::jinja::context::{NodeFacts, NodeScope, SharedContext, render};
use crate::jinja::{Engine, TemplateSource};
use crate::load::{DBT_VERSION, QueryComment, SourceTree};
use crate::node::{Project, dict};

/// The maker for a project; none if comments are switched off.
pub fn maker(tree: &SourceTree, engine: &Engine, shared: &Arc<SharedContext>, project: &Arc<Project>) -> Option<Maker> {
    let (template, append) = match &tree.root.config.query_comment {
        QueryComment::Off => return None,
        QueryComment::Default => (None, false),
        QueryComment::Custom { comment, append, .. } => (comment.clone(), append.unwrap_or(false)),
    };
    if template.as_ref().is_some_and(|text| text.trim().is_empty()) {
        return None;
    }
    let Some(template) = template else {
        let (profile, target) = (tree.profile.name.clone(), tree.profile.target_name.clone());
        let text = move |node: Option<&str>| Ok(standard(&profile, &target, node));
        return Some(Maker { text: Arc::new(text), append });
    };
    let template = printing(&template);
    let (engine, shared, project) = (engine.clone(), Arc::clone(shared), Arc::clone(project));
    let text = move |id: Option<&str>| {
        let package = NodeFacts::package(shared.project_name.as_str()).package;
        let scope = NodeScope::yaml(&shared, package, None)
            .value("connection_name", id.unwrap_or("master"))
            .value("node", id.and_then(|id| node_dict(&project, id)).map_or(Value::Null, Value::Map))
            .build();
        let source = TemplateSource::inline("query-comment", template.clone());
        let text = render(&engine, &source, &scope)?.text;
        let text = text.trim();
        if text.contains("*/") {
            let message = format!("query comment contains illegal value \"*/\": {text}");
            return Err(Diagnostic::error(codes::CONFIG_INVALID, message).help("the mark would end the comment early"));
        }
        Ok(text.to_owned())
    };
    Some(Maker { text: Arc::new(text), append })
}

/// dbt makes a macro of the comment, which may hand its text over by `return(...)`: here it is printed.
fn printing(template: &str) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find("return(") {
        let is_word = !rest[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '.'));
        out.push_str(&rest[..at]);
        out.push_str(if is_word { "(" } else { "return(" });
        rest = &rest[at + "return(".len()..];
    }
    out + rest
}

fn standard(profile: &str, target: &str, node: Option<&str>) -> String {
    let mut comment = Dict::new();
    comment.insert("app".into(), "dbt".into());
    comment.insert("dbt_version".into(), DBT_VERSION.into());
    comment.insert("profile_name".into(), profile.into());
    comment.insert("target_name".into(), target.into());
    match node {
        Some(node) => comment.insert("node_id".into(), node.into()),
        None => comment.insert("connection_name".into(), "master".into()),
    };
    Value::Map(comment).to_json().to_string().replace("*/", "* /")
}

fn node_dict(project: &Project, id: &str) -> Option<Dict> {
    let id = crate::base::NodeId::from(id);
    let created = project.info.created_at;
    let node = project.nodes.get(&id).map(|n| dict::node(n, None));
    let source = || project.sources.get(&id).map(|s| dict::source(s, created));
    let test = || project.unit_tests.get(&id).map(|t| dict::unit_test(t, created));
    node.or_else(source).or_else(test)
}
