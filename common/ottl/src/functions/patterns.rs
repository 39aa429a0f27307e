//! Tests of texts against patterns: regular expressions, networks, check digits.

use std::net::IpAddr;

use crate::function::{Args, Blame, Body, Call, Definition, Kind, Unfit, required};
use crate::pattern::Pattern;
use crate::{RunError, Value};

mod network;

use network::Network;

/// The family.
pub const ALL: &[Definition] = &[
    Definition {
        name: "IsMatch",
        params: &[required("target", Kind::StrLike), required("pattern", Kind::Str)],
        body: Body::Prepared(is_match),
    },
    Definition {
        name: "IsInCIDR",
        params: &[required("target", Kind::Str), required("networks", Kind::Items(&Kind::Str))],
        body: Body::Prepared(is_in_cidr),
    },
    Definition {
        name: "IsValidLuhn",
        params: &[required("target", Kind::StrLike)],
        body: Body::Plain(is_valid_luhn),
    },
];

/// Nil matches nothing.
fn is_match(args: &Args<'_>) -> Result<Call, Unfit> {
    let pattern = Pattern::regex(args, 1)?;
    Ok(Box::new(move |args| {
        let regex = pattern.get(args)?;
        Ok(Value::Bool(args.opt_str(0).is_some_and(|text| regex.is_match(text))))
    }))
}

fn is_in_cidr(args: &Args<'_>) -> Result<Call, Unfit> {
    let constant = match args.has(1) {
        true => Some(constant_networks(args)?),
        false => None,
    };
    Ok(Box::new(move |args| {
        let Ok(address) = args.str(0)?.parse::<IpAddr>() else { return Ok(Value::Bool(false)) };
        let is_in = |networks: &[Network]| networks.iter().any(|network| network.contains(address));
        Ok(Value::Bool(match &constant {
            Some(networks) => is_in(networks),
            None => is_in(&networks(args)?),
        }))
    }))
}

fn networks(args: &Args<'_>) -> Result<Vec<Network>, RunError> {
    args.strs(1)?.iter().map(|text| network(text).map_err(RunError::new)).collect()
}

fn constant_networks(args: &Args<'_>) -> Result<Vec<Network>, Unfit> {
    let texts = args.strs(1).of_argument(1)?.into_iter().enumerate();
    texts.map(|(item, text)| network(&text).map_err(|why| Unfit::item(1, item, why))).collect()
}

fn network(text: &str) -> Result<Network, String> {
    Network::parse(text).ok_or_else(|| format!("{text:?} is no network"))
}

/// The check digit of card numbers: from the right every second digit is doubled, and the sum ends with 0.
fn is_valid_luhn<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let text = args.str(0)?.replace(' ', "");
    let mut sum = 0;
    for (index, character) in text.chars().rev().enumerate() {
        let digit = character
            .to_digit(10)
            .ok_or_else(|| RunError::new(format!("{character:?} is no digit")))?;
        let counted = if index % 2 == 1 { digit * 2 } else { digit };
        sum += u64::from(if counted > 9 { counted - 9 } else { counted });
    }
    Ok(Value::Bool(!text.is_empty() && sum % 10 == 0))
}
