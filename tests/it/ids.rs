//! Ids of jobs, webhooks and deliveries sort by creation time.

use optin::job::JobId;

#[test]
fn ids_of_one_millisecond_ascend_and_each_id_contains_its_time() {
    let now = 1_700_000_000_123;
    let ids: Vec<JobId> = (0..10_000).map(|_| JobId::at(now)).collect();
    assert!(ids.is_sorted_by(|one, next| one < next));
    for moment in [now - 1, now, now + 1, 0, -1] {
        let (seconds, nanoseconds) = JobId::at(moment).uuid().get_timestamp().unwrap().to_unix();
        let milliseconds = (seconds * 1_000) as i64 + i64::from(nanoseconds) / 1_000_000;
        assert_eq!(milliseconds, moment.max(0));
    }
}
