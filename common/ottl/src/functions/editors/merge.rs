//! `merge_maps`.

use crate::Value;
use crate::function::{Args, Edit, Unfit};

/// Which entries of the source are taken.
#[derive(Clone, Copy)]
struct Strategy {
    adds: bool,
    replaces: bool,
}

/// Prepares the call: the strategy is `insert`, `update` or `upsert`.
pub(super) fn merge_maps(args: &Args<'_>) -> Result<Edit, Unfit> {
    let strategy = match args.opt_str(1).unwrap_or_default() {
        "insert" => Strategy { adds: true, replaces: false },
        "update" => Strategy { adds: false, replaces: true },
        "upsert" => Strategy { adds: true, replaces: true },
        other => {
            let message =
                format!("the strategy is \"insert\", \"update\" or \"upsert\", not {other:?}");
            return Err(Unfit::argument(1, message));
        }
    };
    Ok(Box::new(move |target, args| {
        let mut map = target.map()?;
        let mut is_changed = false;
        for (key, value) in &args.map(0)?.entries {
            let is_taken = match map.get(key) {
                Some(old) => strategy.replaces && old != value,
                None => strategy.adds,
            };
            if is_taken {
                map.put(key.as_str(), value.clone());
                is_changed = true;
            }
        }
        if is_changed { target.set(Value::map(map)) } else { Ok(()) }
    }))
}
