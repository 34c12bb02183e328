//! Tests of the states of a job and the transitions between them.

use optin::job::State;

#[test]
fn only_these_transitions_are_allowed() {
    use State::{Canceled, Canceling, Expired, Failed, Queued, Running, Succeeded};
    let transitions: [(State, &[State]); 7] = [
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
    for (from, to) in transitions {
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
fn terminal_states_have_no_transitions() {
    for state in State::ALL {
        assert_eq!(
            state.is_terminal(),
            !State::ALL.iter().any(|&next| state.may_become(next)),
            "{state:?}"
        );
    }
}

#[test]
fn states_have_the_same_names_in_json_and_in_the_store() {
    for state in State::ALL {
        assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
    }
}
