use super::*;
use crate::engine::report::Findings;
use crate::model::{Candidates, Reason};
use crate::policy::Policy;
use std::time::Duration;

fn lookup(chart: &str) -> Lookup {
    Lookup::Index { url: "https://charts.example.com".to_owned(), chart: chart.to_owned() }
}

fn offers(ignored: usize) -> Offers {
    HashMap::from([(Arc::new(lookup("a")), Ok(Arc::new(Candidates { ignored, ..Candidates::default() })))])
}

fn failed() -> Offers {
    HashMap::from([(Arc::new(lookup("a")), Err(Problem::new(Reason::SourceUnreachable, "away")))])
}

fn ground(minimum_age: Duration) -> Arc<Ground> {
    let policy = Policy { minimum_age, ..Policy::default() };
    let effective = vec![Arc::new(Effective { policy, ..Effective::default() })];
    let resolution = Arc::new(Resolution::default());
    Arc::new(Ground {
        files: Weak::new(),
        resolution,
        problems: Vec::new(),
        effective: Arc::new(effective),
        rules: Rules::default(),
        lookups: Vec::new(),
        taken: Taken::default(),
    })
}

fn kept(minimum_age: Duration, asked: Offers, judged: Offers) -> (Recollection, Arc<Ground>) {
    let (memory, ground) = (Recollection::default(), ground(minimum_age));
    memory.keep_ground("c0ffee", &ground);
    let findings = Arc::new(Findings { revision: Some("c0ffee".to_owned()), ..Findings::default() });
    let look = Arc::new(Look { findings, offers: judged, ..Look::default() });
    memory.keep_look(&ground, asked, &look, Timestamp::UNIX_EPOCH);
    (memory, ground)
}

#[test]
fn the_same_commit_and_the_same_answers_give_the_same_look() {
    let (memory, ground) = kept(Duration::ZERO, offers(1), offers(1));
    let alone = Neighbours::default();
    assert!(memory.holds("c0ffee", &alone) && !memory.holds("beef", &alone));
    let now = Timestamp::UNIX_EPOCH;
    assert!(memory.look(&ground, &offers(1), now).is_some());
    assert!(memory.look(&ground, &offers(2), now).is_none(), "the source says something else");
    assert!(memory.look(&ground, &failed(), now).is_none(), "the source is away");
    assert!(memory.look(&ground, &Offers::new(), now).is_none());
    assert!(memory.look(&ground, &offers(1), now + SignedDuration::from_hours(1)).is_none(), "an hour later");
    memory.keep_ground("beef", &self::ground(Duration::ZERO));
    assert!(memory.look(&ground, &offers(1), now).is_none(), "another commit came between");
}

#[test]
fn a_look_that_hangs_on_time_or_on_a_failed_closer_look_is_not_repeated() {
    let now = Timestamp::UNIX_EPOCH;
    let (memory, ground) = kept(Duration::from_secs(1), offers(1), offers(1));
    assert!(memory.look(&ground, &offers(1), now).is_none());
    let (memory, ground) = kept(Duration::ZERO, offers(1), failed());
    assert!(memory.look(&ground, &offers(1), now).is_none());
    let (memory, ground) = kept(Duration::ZERO, failed(), failed());
    assert!(memory.look(&ground, &failed(), now).is_some(), "a source that stays away says nothing new");
}

#[test]
fn equal_policies_are_kept_once_and_different_ones_apart() {
    let of = |group: &str| Effective {
        policy: Policy { group: group.to_owned(), ..Policy::default() },
        ..Effective::default()
    };
    let kept = shared([of("a"), of("b"), of("a")].map(Arc::new).into_iter());
    assert!(Arc::ptr_eq(&kept[0], &kept[2]) && !Arc::ptr_eq(&kept[0], &kept[1]));
    assert_eq!(*kept[1], of("b"));
}
