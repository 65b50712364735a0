//! Real roots of polynomials of low degree.

/// Greatest degree that [`real_roots`] takes.
pub(super) const MAX_DEGREE: usize = 10;

/// The value of a polynomial; the coefficient of the lowest power comes first.
pub(super) fn value(coefficients: &[f64], at: f64) -> f64 {
    let terms = coefficients.iter().rev();
    terms.fold(0.0, |sum, coefficient| sum * at + coefficient)
}

/// The real roots of odd multiplicity, ascending, into the front of `roots`;
/// how many there are. The coefficient of the lowest power comes first, and
/// there are at most [`MAX_DEGREE`] + 1.
///
/// Between two neighbouring roots of its derivative a polynomial is monotonic:
/// the roots are bracketed by those of the derivative, from the line upwards,
/// and narrowed down by Newton steps that bisect where they leave the bracket.
pub(super) fn real_roots(coefficients: &[f64], roots: &mut [f64; MAX_DEGREE]) -> usize {
    let largest = coefficients.iter().fold(0.0_f64, |max, c| max.max(c.abs()));
    let significant = |c: &f64| c.abs() > 1e-14 * largest;
    let Some(degree) = coefficients.iter().rposition(significant) else {
        return 0;
    };
    if degree == 0 || degree > MAX_DEGREE || !largest.is_finite() {
        return 0;
    }
    let bound = bound(&coefficients[..=degree]);
    let mut found = 0;
    for order in (0..degree).rev() {
        let mut derivative = [0.0; MAX_DEGREE + 1];
        let length = differentiate(&coefficients[..=degree], order, &mut derivative);
        let critical = *roots;
        let edges = critical[..found].iter().copied().chain([bound]);
        let polynomial = &derivative[..length];
        let (mut low, mut count) = (-bound, 0);
        for high in edges {
            if let Some(root) = root_between(polynomial, low, high) {
                roots[count] = root;
                count += 1;
            }
            low = high;
        }
        found = count;
    }
    found
}

/// Bound on the roots of a polynomial; those of its derivatives lie within their
/// convex hull. M. Fujiwara, "Über die obere Schranke des absoluten Betrages der
/// Wurzeln einer algebraischen Gleichung", Tohoku Mathematical Journal 10, 1916:
/// much nearer to them than Cauchy's, which costs Newton many steps.
fn bound(coefficients: &[f64]) -> f64 {
    let degree = coefficients.len() - 1;
    let leading = coefficients[degree].abs();
    let others = coefficients[..degree].iter().rev().zip(1..);
    let roots = others.map(|(c, order)| (c.abs() / leading).powf(1.0 / f64::from(order)));
    // A little more: a root on the bound itself changes no sign within it.
    2.001 * roots.fold(f64::MIN_POSITIVE, f64::max)
}

/// The `order`-th derivative; how many coefficients it has.
fn differentiate(of: &[f64], order: usize, into: &mut [f64; MAX_DEGREE + 1]) -> usize {
    let length = of.len() - order;
    for (power, into) in into.iter_mut().enumerate().take(length) {
        let factor = (power + 1..=power + order)
            .map(|n| n as f64)
            .product::<f64>();
        *into = of[power + order] * factor;
    }
    length
}

fn root_between(polynomial: &[f64], mut low: f64, mut high: f64) -> Option<f64> {
    let (at_low, at_high) = (value(polynomial, low), value(polynomial, high));
    if at_low == 0.0 {
        return Some(low);
    }
    if at_low.is_sign_positive() == at_high.is_sign_positive() {
        return None;
    }
    let rises = at_high > 0.0;
    let mut at = 0.5 * (low + high);
    for _ in 0..100 {
        let (value, slope) = value_and_slope(polynomial, at);
        if (value > 0.0) == rises {
            high = at;
        } else {
            low = at;
        }
        let newton = at - value / slope;
        let next = if newton > low && newton < high {
            newton
        } else {
            0.5 * (low + high)
        };
        if (next - at).abs() <= 1e-15 * at.abs().max(1e-3) {
            return Some(next);
        }
        at = next;
    }
    Some(at)
}

fn value_and_slope(coefficients: &[f64], at: f64) -> (f64, f64) {
    let terms = coefficients.iter().rev();
    terms.fold((0.0, 0.0), |(value, slope), coefficient| {
        (value * at + coefficient, slope * at + value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(roots: &[f64]) -> Vec<f64> {
        let mut polynomial = vec![1.0];
        for root in roots {
            let mut longer = vec![0.0; polynomial.len() + 1];
            for (power, coefficient) in polynomial.iter().enumerate() {
                longer[power + 1] += coefficient;
                longer[power] -= root * coefficient;
            }
            polynomial = longer;
        }
        polynomial
    }

    #[test]
    fn every_simple_real_root_is_found() {
        let wanted = [-40.0, -3.5, -1.0, -0.25, 0.0, 0.1, 0.9, 2.0, 7.0, 11.0];
        let mut roots = [0.0; MAX_DEGREE];
        for count in 1..=wanted.len() {
            let found = real_roots(&product(&wanted[..count]), &mut roots);
            assert_eq!(found, count);
            for (root, wanted) in roots.iter().zip(&wanted[..count]) {
                assert!((root - wanted).abs() < 1e-6, "{root} is not {wanted}");
            }
        }
    }

    #[test]
    fn complex_roots_and_polynomials_that_are_none_give_nothing() {
        let mut roots = [0.0; MAX_DEGREE];
        assert_eq!(real_roots(&[1.0, 0.0, 1.0], &mut roots), 0);
        assert_eq!(real_roots(&[3.0], &mut roots), 0);
        assert_eq!(real_roots(&[0.0; 5], &mut roots), 0);
        assert_eq!(real_roots(&[f64::NAN, 1.0, f64::NAN], &mut roots), 0);
        assert_eq!(real_roots(&[1.0, f64::INFINITY], &mut roots), 0);
    }
}
