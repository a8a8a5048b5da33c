variable "domain" {
  description = "The name, the Route 53 zone that it is in, and, for client certificates, where their authorities are: `s3://…`."
  type = object({
    name           = string
    zone_id        = string
    truststore_uri = optional(string)
  })
}

variable "api_id" {
  description = "The API that answers there."
  type        = string
}

variable "stage" {
  description = "Its stage."
  type        = string
}
