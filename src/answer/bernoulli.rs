//! Distributions over two values: their divergence, and its quadratic form.
//!
//! Near `d = 0`, `T^2 KL(sigmoid(z/T) || sigmoid((z+d)/T))` is `p (1 - p) d^2 / 2` at `p = sigmoid(z/T)`.

/// Returns `sigmoid(logit / T)`.
pub(super) fn probability(logit: f32, temperature: f64) -> f64 {
    1.0 / (1.0 + (-f64::from(logit) / temperature).exp())
}

/// Returns `p log(p / q)`, or 0 if `p` is 0.
fn entropy(p: f64, q: f64) -> f64 {
    if p > 0.0 { p * (p / q).ln() } else { 0.0 }
}

/// Returns `KL(p || q)` for `p = sigmoid(reference / T)` and `q = sigmoid(changed / T)`.
pub(super) fn divergence(reference: f32, changed: f32, temperature: f64) -> f64 {
    let (p, q) = (
        probability(reference, temperature),
        probability(changed, temperature),
    );
    // The complements are computed from the negated logits, so that they do not cancel.
    let (not_p, not_q) = (
        probability(-reference, temperature),
        probability(-changed, temperature),
    );
    entropy(p, q) + entropy(not_p, not_q)
}

/// Returns `p (1 - p)` for `p = sigmoid(logit / T)`.
pub(super) fn variance(logit: f32, temperature: f64) -> f64 {
    probability(logit, temperature) * probability(-logit, temperature)
}
