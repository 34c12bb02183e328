//! Whether labels stand in another order than the model's answers.

/// Standard errors below the commonest answer from which chance no longer explains an accuracy.
const FAR: f64 = 3.0;

/// More classes than these are not compared pair by pair.
const MOST_CLASSES: usize = 1_000;

/// A sentence, where a model answers so much worse than its commonest label that the order of labels is suspect. `truth` and
/// `answers` are indices of classes, one a row.
#[must_use]
pub fn hint(labels: &[String], truth: &[usize], answers: &[usize]) -> Option<String> {
    if labels.len() > MOST_CLASSES {
        return None;
    }
    let rows = truth.len() as f64;
    let counts = confusion(labels.len(), truth, answers);
    let right: usize = (0..labels.len()).map(|class| counts[class][class]).sum();
    let accuracy = right as f64 / rows.max(1.0);
    let error = (accuracy * (1.0 - accuracy) / rows.max(1.0)).sqrt();
    let commonest = counts
        .iter()
        .map(|answers| answers.iter().sum::<usize>())
        .max()?;
    let commonest = commonest as f64 / rows.max(1.0);
    if accuracy + FAR * error >= commonest {
        return None;
    }
    let below = format!(
        "The original's accuracy of {accuracy:.3} is far below the {commonest:.3} of always giving the commonest label."
    );
    let (order, matched) = best_order(&counts);
    let reordered = matched as f64 / rows.max(1.0);
    let moved: Vec<String> = (0..labels.len())
        .filter(|&class| order[class] != class && counts[class][order[class]] > 0)
        .map(|class| format!("\"{}\" as \"{}\"", labels[class], labels[order[class]]))
        .take(4)
        .collect();
    Some(match reordered > commonest && !moved.is_empty() {
        true => format!(
            "{below} It answers rows labelled {}: the labels of the data seem to be in another order than id2label of config.json. \
             Read in that order its accuracy is {reordered:.3}.",
            moved.join(", ")
        ),
        false => format!(
            "{below} Check that the labels of the data mean what id2label of config.json says, and that the model is of this task."
        ),
    })
}

/// Rows by label, then by answer.
fn confusion(classes: usize, truth: &[usize], answers: &[usize]) -> Vec<Vec<usize>> {
    let mut counts = vec![vec![0; classes]; classes];
    for (&truth, &answer) in truth.iter().zip(answers) {
        counts[truth][answer] += 1;
    }
    counts
}

/// One answer for each label, no answer twice, the most frequent pairs first; and how many rows agree with it.
fn best_order(counts: &[Vec<usize>]) -> (Vec<usize>, usize) {
    let classes = counts.len();
    let mut pairs: Vec<(usize, usize)> = (0..classes)
        .flat_map(|class| (0..classes).map(move |answer| (class, answer)))
        .collect();
    pairs.sort_by_key(|&(class, answer)| std::cmp::Reverse(counts[class][answer]));
    let (mut order, mut taken, mut matched) = (vec![None; classes], vec![false; classes], 0);
    for (class, answer) in pairs {
        if order[class].is_none() && !taken[answer] {
            order[class] = Some(answer);
            taken[answer] = true;
            matched += counts[class][answer];
        }
    }
    let order = order.into_iter().enumerate();
    (
        order
            .map(|(class, answer)| answer.unwrap_or(class))
            .collect(),
        matched,
    )
}
