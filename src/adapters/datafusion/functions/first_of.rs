//! `coalesce`, `ifnull`, `nvl`. In: arguments of several types. Out: one type for all, as DuckDB finds it: text beside another type is
//! read as that (`coalesce(day, '9999-12-31')` is a date), dates beside timestamps are timestamps.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, plan_err};
use datafusion::functions::core::coalesce::CoalesceFunc;
use datafusion::logical_expr::binary::type_union_resolution;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

use super::doubles::met;
use super::scalar::{micros, utc};

/// The functions.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let of = |name, aliases: &[&str]| {
        let aliases = aliases.iter().map(ToString::to_string).collect();
        Arc::new(ScalarUDF::from(FirstOf { name, aliases, inner: CoalesceFunc::new() }))
    };
    vec![of("coalesce", &[]), of("nvl", &["ifnull"])]
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct FirstOf {
    name: &'static str,
    aliases: Vec<String>,
    /// The engine's own, for all but the types.
    inner: CoalesceFunc,
}

impl ScalarUDFImpl for FirstOf {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        if given.is_empty() || self.name == "nvl" && given.len() != 2 {
            return plan_err!("{} takes other arguments", self.name);
        }
        Ok(vec![common(given)?; given.len()])
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        common(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        self.inner.simplify(args, info)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.inner.invoke_with_args(args)
    }

    fn conditional_arguments<'a>(&self, args: &'a [Expr]) -> Option<(Vec<&'a Expr>, Vec<&'a Expr>)> {
        self.inner.conditional_arguments(args)
    }

    fn short_circuits(&self) -> bool {
        true
    }
}

/// The type that takes all of these.
fn common(given: &[DataType]) -> Result<DataType> {
    let is_text = |t: &DataType| matches!(t, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let typed: Vec<DataType> = given.iter().filter(|t| !t.is_null() && !is_text(t)).cloned().collect();
    let moments = |t: &DataType| matches!(t, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..));
    let found = if typed.is_empty() {
        type_union_resolution(given)
    } else if typed.iter().all(|t| *t == typed[0]) {
        typed.first().cloned()
    } else if typed.iter().all(moments) {
        let zoned = typed.iter().any(|t| matches!(t, DataType::Timestamp(_, Some(_))));
        Some(if zoned { utc() } else { micros() })
    } else {
        type_union_resolution(&met(&typed).unwrap_or_else(|| typed.clone()))
    };
    match found {
        Some(found) => Ok(found),
        None => {
            let names: Vec<String> = typed.iter().map(ToString::to_string).collect();
            plan_err!("values of the types {} cannot be mixed: cast them to one type", names.join(", "))
        }
    }
}
