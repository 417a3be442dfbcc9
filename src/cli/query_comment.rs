//! The comment that every statement carries. In: `query-comment` of the project. Out: a maker of comments by node.

use std::sync::Arc;

use crate::base::Dict;
use crate::execute::QueryComment as Maker;
use crate::jinja::Engine;
use crate::jinja::TemplateSource;
use crate::jinja::context::{NodeFacts, NodeScope, SharedContext, render};
use crate::load::{DBT_VERSION, QueryComment, SourceTree};

/// The maker for a project: whole comments with their line end; none if comments are switched off.
pub fn maker(tree: &SourceTree, engine: &Engine, shared: &Arc<SharedContext>) -> Option<Maker> {
    let template = match &tree.root.config.query_comment {
        QueryComment::Off => return None,
        QueryComment::Default => None,
        QueryComment::Custom { comment, .. } => comment.clone(),
    };
    let (profile, target) = (tree.profile.name.clone(), tree.profile.target_name.clone());
    let Some(template) = template else {
        return Some(Arc::new(move |node: Option<&str>| {
            let mut comment = Dict::new();
            comment.insert("app".into(), "dbt".into());
            comment.insert("dbt_version".into(), DBT_VERSION.into());
            comment.insert("profile_name".into(), profile.as_str().into());
            comment.insert("target_name".into(), target.as_str().into());
            if let Some(node) = node {
                comment.insert("node_id".into(), node.into());
            }
            let json = crate::base::Value::Map(comment).to_json().to_string();
            format!("/* {} */\n", json.replace("*/", "* /"))
        }));
    };
    let (engine, shared) = (engine.clone(), Arc::clone(shared));
    Some(Arc::new(move |_node: Option<&str>| {
        let scope = NodeScope::yaml(&shared, NodeFacts::package(shared.project_name.as_str()).package, None).build();
        let source = TemplateSource::inline("query-comment", template.clone());
        let text = render(&engine, &source, &scope).map(|r| r.text).unwrap_or_default();
        if text.trim().is_empty() { String::new() } else { format!("/* {} */\n", text.replace("*/", "* /")) }
    }))
}
