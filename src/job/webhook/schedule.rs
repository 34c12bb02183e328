//! What becomes of a delivery after a try, and when the next is due: the times that Standard Webhooks recommends, each
//! moved a little, so that receivers which failed together are not asked together.

use super::{DeliveryState, Tried};

/// Waits between tries, in seconds.
const WAITS: [i64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// Largest share by which a wait is lengthened.
const JITTER: f64 = 0.2;

/// Milliseconds until the next try after this many failed ones; `None` when it is given up. `random` lies
/// between 0 and 1.
fn next_wait_ms(failed: i64, random: f64) -> Option<i64> {
    let index = usize::try_from(failed - 1).ok()?;
    let wait = *WAITS.get(index)? as f64 * 1_000.0;
    Some((wait * (1.0 + JITTER * random)) as i64)
}

/// What becomes of a delivery after a try.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// Where it is now.
    pub state: DeliveryState,
    /// Tries so far.
    pub attempts: i64,
    /// Milliseconds until the next one; there is one exactly while it is pending.
    pub wait_ms: Option<i64>,
    /// The HTTP status of this try.
    pub status: Option<i64>,
    /// Why this try failed.
    pub error: Option<String>,
    /// Whether its receiver is told nothing more.
    pub gone: bool,
}

/// After `before` tries came this one.
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
                Some("the receiver answered that it is gone"),
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
