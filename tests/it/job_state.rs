//! The life of a job: which arrows there are.

use optin::job::State;

#[test]
fn the_arrows_are_these_and_no_others() {
    use State::{Canceled, Canceling, Expired, Failed, Queued, Running, Succeeded};
    let arrows: [(State, &[State]); 7] = [
        (Queued, &[Running, Failed, Canceled, Expired]),
        (
            Running,
            &[
                Queued, Running, Canceling, Succeeded, Failed, Canceled, Expired,
            ],
        ),
        (Canceling, &[Succeeded, Failed, Canceled, Expired]),
        (Succeeded, &[]),
        (Failed, &[]),
        (Canceled, &[]),
        (Expired, &[]),
    ];
    for (from, to) in arrows {
        for &next in State::ALL {
            assert_eq!(
                from.may_become(next),
                to.contains(&next),
                "{from:?} to {next:?}"
            );
        }
    }
}

#[test]
fn terminal_states_are_those_without_a_way_out() {
    for state in State::ALL {
        assert_eq!(
            state.is_terminal(),
            !State::ALL.iter().any(|&next| state.may_become(next)),
            "{state:?}"
        );
    }
}

#[test]
fn states_are_spelled_alike_in_json_and_in_the_store() {
    for state in State::ALL {
        assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
    }
}
