output "name" {
  description = "The bucket's name."
  value       = aws_s3_bucket.this.bucket
}

output "arn" {
  description = "The bucket's ARN."
  value       = aws_s3_bucket.this.arn
}

output "versioned" {
  description = "The bucket's name, once its versions are kept."
  value       = aws_s3_bucket_versioning.this.bucket
}
