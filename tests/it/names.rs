//! Names of jobs, receivers and deliveries sort by the moment at which they were made.

use optin::job::JobId;

#[test]
fn names_of_one_millisecond_ascend_and_others_follow_the_clock() {
    let now = 1_700_000_000_123;
    let names: Vec<JobId> = (0..10_000).map(|_| JobId::at(now)).collect();
    assert!(names.is_sorted_by(|one, next| one < next));
    for moment in [now - 1, now, now + 1, 0, -1] {
        let (seconds, nanoseconds) = JobId::at(moment).uuid().get_timestamp().unwrap().to_unix();
        let told = (seconds * 1_000) as i64 + i64::from(nanoseconds) / 1_000_000;
        assert_eq!(told, moment.max(0));
    }
}
