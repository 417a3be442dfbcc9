//! `error('text')`, which ends a query when a row comes to it. Queries that test what must not happen count on that, so nothing
//! is worked out beforehand, and without rows nothing happens.

use std::hash::Hash;
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

/// The function.
pub(super) fn function() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(Failing { signature: Signature::exact(vec![DataType::Utf8], Volatility::Volatile) }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Failing {
    signature: Signature,
}

impl ScalarUDFImpl for Failing {
    fn name(&self) -> &str {
        "error"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Null)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if args.number_rows > 0
            && let Some(text) = args.args.into_iter().next()
        {
            let texts = text.into_array(args.number_rows)?;
            let texts = texts.as_string::<i32>();
            if let Some(text) = (0..texts.len()).find(|row| texts.is_valid(*row)).map(|row| texts.value(row)) {
                return exec_err!("{text}");
            }
        }
        Ok(ColumnarValue::Scalar(ScalarValue::Null))
    }
}
