//! Computes the state of a delivery after a try, and the time of the next one.
//!
//! The pauses are those that Standard Webhooks recommends, plus a random jitter, so that deliveries that failed at the
//! same time are not all retried at the same time.

use super::{DeliveryState, Tried};

/// Pauses between tries, in seconds.
const PAUSES: [i64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// Maximum fraction by which a pause is lengthened.
const JITTER: f64 = 0.2;

/// Returns the milliseconds until the next try after this many failed ones; `None` if no try follows. `random` is
/// between 0 and 1.
fn next_wait_ms(failed: i64, random: f64) -> Option<i64> {
    let index = usize::try_from(failed - 1).ok()?;
    let wait = *PAUSES.get(index)? as f64 * 1_000.0;
    Some((wait * (1.0 + JITTER * random)) as i64)
}

/// The new state of a delivery after a try.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// State of the delivery.
    pub state: DeliveryState,
    /// Number of tries so far.
    pub attempts: i64,
    /// Milliseconds until the next try; set if and only if the delivery is pending.
    pub wait_ms: Option<i64>,
    /// HTTP status of this try.
    pub status: Option<i64>,
    /// Why this try failed.
    pub error: Option<String>,
    /// Whether the endpoint is gone, so that its webhook must be disabled.
    pub gone: bool,
}

/// Returns the new state of a delivery after a try. `before` is the number of earlier tries.
#[must_use]
pub fn settle(before: i64, tried: Tried, random: f64) -> Settled {
    let attempts = before + 1;
    let ended = |state, status: u16, error: Option<&str>| Settled {
        state,
        attempts,
        wait_ms: None,
        status: Some(i64::from(status)),
        error: error.map(str::to_owned),
        gone: false,
    };
    match tried {
        Tried::Delivered(status) => ended(DeliveryState::Delivered, status, None),
        Tried::Gone => Settled {
            gone: true,
            ..ended(
                DeliveryState::Failed,
                410,
                Some("the endpoint returned status 410 (gone)"),
            )
        },
        Tried::Failed { status, error } => {
            let wait_ms = next_wait_ms(attempts, random);
            Settled {
                state: match wait_ms {
                    Some(_) => DeliveryState::Pending,
                    None => DeliveryState::Failed,
                },
                attempts,
                wait_ms,
                status: status.map(i64::from),
                error: Some(error),
                gone: false,
            }
        }
    }
}
