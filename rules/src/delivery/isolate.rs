//! Keeps a panic inside what panicked. There should be none; if there is one, it costs a message
//! of one rule and not the worker that all rules share.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// Does some work; the text of its panic if it has one. What the work shared with others must be
/// whole at each moment: locks here are `parking_lot`'s, which a panic does not poison.
pub(super) fn isolated<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| text(&*panic))
}

/// Waits for a future; the text of its panic if it has one.
pub(super) async fn isolated_future<T>(future: impl Future<Output = T>) -> Result<T, String> {
    let mut future = pin!(future);
    poll_fn(|context| match isolated(|| future.as_mut().poll(context)) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

/// What a panic said.
fn text(panic: &(dyn Any + Send)) -> String {
    let literal = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let said = literal.or_else(|| panic.downcast_ref::<String>().cloned());
    let said = said.unwrap_or_else(|| "a panic without a text".to_owned());
    format!("internal error of thingcore: {said}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_its_text_and_anything_else_its_value() {
        let broken = Err("internal error of thingcore: 1 is wrong".to_owned());
        let number = std::hint::black_box(1);
        assert_eq!(isolated(|| number), Ok(1));
        assert_eq!(isolated(|| -> u8 { panic!("{number} is wrong") }), broken);
        assert_eq!(isolated_future(async { number }).await, Ok(1));
        let breaks_later = async {
            tokio::task::yield_now().await;
            if number == 1 {
                panic!("{number} is wrong");
            }
            number
        };
        assert_eq!(isolated_future(breaks_later).await, broken);
    }
}
