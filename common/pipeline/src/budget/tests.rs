//! The budget is never exceeded and always returned.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

fn peer(last: u8) -> Option<Peer> {
    Peer::of(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)))
}

#[test]
fn one_peer_cannot_take_everything() {
    let budget = Budget::new(100, 0.5);
    let mut greedy = budget.permit(peer(1));
    assert_eq!(greedy.grow(50), Ok(()));
    assert_eq!(greedy.grow(1), Err(Exhausted));
    assert_eq!(budget.permit(peer(2)).grow(50), Ok(()));
    drop(greedy);
    assert_eq!(budget.used_bytes(), 0);
    assert!(budget.peers.lock().expect("not poisoned").is_empty());
}

#[test]
fn loopback_has_no_share_and_prefixes_share_one() {
    assert_eq!(Peer::of(Ipv4Addr::LOCALHOST.into()), None);
    assert_eq!(Peer::of(Ipv6Addr::LOCALHOST.into()), None);
    assert_eq!(Peer::of("::ffff:127.0.0.1".parse().expect("an address")), None);
    let of = |text: &str| Peer::of(text.parse().expect("an address"));
    assert_eq!(of("2001:db8::1"), of("2001:db8::2"));
    assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
}

#[test]
fn a_huge_wish_does_not_overflow() {
    let budget = Budget::new(usize::MAX, 1.0);
    let mut permit = budget.permit(None);
    assert_eq!(permit.grow(usize::MAX), Ok(()));
    assert_eq!(permit.grow(1), Err(Exhausted));
}

proptest! {
    #[test]
    fn used_is_the_sum_of_the_permits(steps in proptest::collection::vec((0u8..4, 0usize..60, any::<bool>()), 0..200)) {
        let budget = Budget::new(100, 0.5);
        let mut permits: Vec<Permit> = (0..4).map(|last| budget.permit(peer(last))).collect();
        for (index, bytes, grow) in steps {
            let permit = &mut permits[usize::from(index)];
            if grow {
                let _ = permit.grow(bytes);
            } else {
                permit.shrink_to(bytes);
            }
            let sum: usize = permits.iter().map(Permit::bytes).sum();
            prop_assert_eq!(budget.used_bytes(), sum);
            prop_assert!(sum <= 100);
            prop_assert!(permits.iter().all(|permit| permit.bytes() <= 50));
        }
        drop(permits);
        prop_assert_eq!(budget.used_bytes(), 0);
    }
}
