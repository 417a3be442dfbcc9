//! `typed_as(x, 'int')`: x. In: a cast value and the name of its type. Out: the value, under a name of its own.
//!
//! The engine leaves casts out of the names of what it works out, and so takes `sum(x::int)` and `sum(x::double)` for the same column.
//! Where that has led to a refusal, the rewriting writes this around casts.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// The function.
pub(super) fn function() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(Typed))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Typed;

impl ScalarUDFImpl for Typed {
    fn name(&self) -> &str {
        "typed_as"
    }

    fn signature(&self) -> &Signature {
        static SIGNATURE: LazyLock<Signature> = LazyLock::new(|| Signature::any(2, Volatility::Immutable));
        &SIGNATURE
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        given.first().map_or_else(|| plan_err!("typed_as takes 2 arguments"), |of| Ok(of.clone()))
    }

    fn simplify(&self, args: Vec<Expr>, _info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let mut all = args.into_iter();
        Ok(all.next().map_or(ExprSimplifyResult::Original(Vec::new()), ExprSimplifyResult::Simplified))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        args.args.into_iter().next().map_or_else(|| exec_err!("typed_as takes 2 arguments"), Ok)
    }
}
