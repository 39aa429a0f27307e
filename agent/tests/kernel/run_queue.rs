//! Waits for a CPU, timed by tracepoints for as long as somebody investigates.

use super::lab::{PATIENCE, run};
use std::time::{Duration, Instant};

#[test]
fn waits_are_timed_while_somebody_investigates() {
    run(|lab| {
        let (mut session, maps) = lab.open();
        for _ in 0..2 {
            let before = maps.run_queue().unwrap();
            let investigation = session.investigate().unwrap();
            let begun = Instant::now();
            while maps.run_queue().unwrap().answered < before.answered + 100 {
                std::thread::sleep(Duration::from_millis(1));
                assert!(begun.elapsed() < PATIENCE);
            }
            drop(investigation);
        }
        let after = maps.run_queue().unwrap();
        assert_eq!(after.zeros + after.buckets.iter().sum::<u64>(), after.answered);
        let mean = Duration::from_nanos(after.sum_ns / after.answered);
        println!("{} waits, mean {mean:?}", after.answered);
        assert!(mean < Duration::from_secs(1), "{mean:?}");
        std::thread::sleep(Duration::from_millis(50));
        // Detached: what other CPUs were in the middle of has ended long ago.
        let later = maps.run_queue().unwrap().answered;
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(maps.run_queue().unwrap().answered, later);
        session.unpin().unwrap();
    });
}
