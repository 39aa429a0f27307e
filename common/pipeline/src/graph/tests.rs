//! The walk through processors, the timer, and letting go when everybody has joined.

use std::sync::Mutex;
use std::time::Duration;

use super::*;
use crate::Stats;
use crate::testing::{Shelf, batch};

/// Merges what it gets and lets go on tick, idle or drain.
#[derive(Default)]
struct Hold {
    held: Mutex<Option<(Batch, Instant)>>,
}

impl Hold {
    fn release(&self, out: &mut Vec<Batch>) {
        out.extend(self.held.lock().expect("not poisoned").take().map(|(batch, _)| batch));
    }
}

impl Processor for Hold {
    fn process(&self, batch: Batch, now: Instant, _out: &mut Vec<Batch>) {
        let mut held = self.held.lock().expect("not poisoned");
        match &mut *held {
            Some((merged, _)) => merged.merge(batch),
            None => *held = Some((batch, now + Duration::from_millis(200))),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.held.lock().expect("not poisoned").as_ref().map(|(_, at)| *at)
    }

    fn tick(&self, _now: Instant, out: &mut Vec<Batch>) {
        self.release(out);
    }

    fn idle(&self, out: &mut Vec<Batch>) {
        self.release(out);
    }

    fn drain(&self, out: &mut Vec<Batch>) {
        self.release(out);
    }
}

fn pipeline(sinks: &[Arc<Shelf>]) -> Arc<Pipeline> {
    let sinks = sinks.iter().map(|shelf| shelf.clone() as Arc<dyn Sink>).collect();
    Pipeline::start("traces".into(), Signal::Traces, vec![Arc::new(Hold::default())], sinks, vec![])
}

fn parts(shelf: &Shelf) -> Vec<usize> {
    shelf.0.lock().expect("not poisoned").iter().map(|batch| batch.parts.len()).collect()
}

#[tokio::test(start_paused = true)]
async fn the_last_arrival_to_join_lets_the_batch_go() {
    let (stats, shelf) = (Stats::default(), Arc::new(Shelf::default()));
    let inlet = Inlet::default();
    inlet.connect(vec![pipeline(std::slice::from_ref(&shelf))]);
    let (first, second, third) = (inlet.arrive(), inlet.arrive(), inlet.arrive());
    let (one, _waiter_one) = batch(&stats, 1);
    let (two, _waiter_two) = batch(&stats, 2);
    first.push(one, Instant::now());
    second.push(two, Instant::now());
    assert!(parts(&shelf).is_empty(), "the third may still join");
    drop(third);
    assert_eq!(parts(&shelf), [2]);
}

#[tokio::test(start_paused = true)]
async fn the_timer_bounds_the_wait_for_others() {
    let (stats, shelf) = (Stats::default(), Arc::new(Shelf::default()));
    let inlet = Inlet::default();
    inlet.connect(vec![pipeline(std::slice::from_ref(&shelf))]);
    let _slow = inlet.arrive();
    let (one, _waiter) = batch(&stats, 1);
    inlet.arrive().push(one, Instant::now());
    tokio::time::sleep(Duration::from_millis(199)).await;
    assert!(parts(&shelf).is_empty());
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert_eq!(parts(&shelf), [1]);
}

#[tokio::test(start_paused = true)]
async fn every_sink_gets_the_batch_and_a_drained_pipeline_is_empty() {
    let stats = Stats::default();
    let shelves = [Arc::new(Shelf::default()), Arc::new(Shelf::default())];
    let pipeline = pipeline(&shelves);
    let (one, waiter) = batch(&stats, 1);
    pipeline.push(one, Instant::now());
    pipeline.drain(Instant::now());
    for shelf in &shelves {
        assert_eq!(parts(shelf), [1]);
        for batch in shelf.0.lock().expect("not poisoned").drain(..) {
            for part in batch.parts {
                part.ack.settle(crate::Outcome::ACCEPTED, None);
            }
        }
    }
    assert_eq!(waiter.wait().await.accepted, 1);
}

/// Hands everything on to the pipelines behind its inlet.
struct Bridge(Arc<Inlet>);

impl Sink for Bridge {
    fn push(&self, batch: Batch, now: Instant) {
        self.0.arrive().push(batch, now);
    }
}

#[tokio::test(start_paused = true)]
async fn behind_a_connector_requests_wait_for_each_other_too() {
    let (stats, shelf) = (Stats::default(), Arc::new(Shelf::default()));
    let second = pipeline(std::slice::from_ref(&shelf));
    let between = Arc::new(Inlet::default());
    between.connect(vec![second.clone()]);
    let bridge = vec![Arc::new(Bridge(between)) as Arc<dyn Sink>];
    let first = Pipeline::start("traces".into(), Signal::Traces, vec![], bridge, vec![second]);
    let inlet = Inlet::default();
    inlet.connect(vec![first]);
    let (one, two) = (inlet.arrive(), inlet.arrive());
    let (batch_one, _waiter_one) = batch(&stats, 1);
    let (batch_two, _waiter_two) = batch(&stats, 2);
    one.push(batch_one, Instant::now());
    assert!(parts(&shelf).is_empty(), "the other one may still join");
    two.push(batch_two, Instant::now());
    assert_eq!(parts(&shelf), [2]);
}
